import {describe, expect, test} from '@jest/globals';
import {artifactStoreAccess} from './artifact-store-access.ts';

describe('artifactStoreAccess', () => {
  test('of a filesystem is its volume, at the path in it', () => {
    expect(artifactStoreAccess({filesystem: {claimName: 'artifacts', path: '/team/a/'}})).toEqual({
      args: [
        '--artifact-store={"filesystem":{"claimName":"artifacts","path":"/team/a/"}}',
        '--artifacts-directory=/var/lib/kruntimes/artifacts',
      ],
      volumes: [{name: 'kruntimes-artifacts', persistentVolumeClaim: {claimName: 'artifacts'}}],
      mounts: [{name: 'kruntimes-artifacts', mountPath: '/var/lib/kruntimes/artifacts', subPath: 'team/a'}],
    });
    expect(artifactStoreAccess({filesystem: {claimName: 'artifacts'}}).mounts[0]).not.toHaveProperty('subPath');
  });

  test('of S3 is its Secret, which may be missing', () => {
    expect(artifactStoreAccess({s3: {bucket: 'runs', secretName: 'keys'}})).toEqual({
      args: [
        '--artifact-store={"s3":{"bucket":"runs","secretName":"keys"}}',
        '--artifacts-credentials=/var/run/secrets/kruntimes.io/artifact-store',
      ],
      volumes: [{name: 'kruntimes-artifacts-credentials', secret: {secretName: 'keys', optional: true}}],
      mounts: [
        {
          name: 'kruntimes-artifacts-credentials',
          mountPath: '/var/run/secrets/kruntimes.io/artifact-store',
          readOnly: true,
        },
      ],
    });
  });

  test('of S3 without a Secret is the identity of the Pod', () => {
    expect(artifactStoreAccess({s3: {bucket: 'runs'}})).toMatchObject({volumes: [], mounts: []});
  });

  test('no name becomes the value of a variable', () => {
    expect(artifactStoreAccess({s3: {bucket: 'runs', prefix: 'a$(POD_IP)'}}).args).toEqual([
      '--artifact-store={"s3":{"bucket":"runs","prefix":"a$$(POD_IP)"}}',
    ]);
  });
});
