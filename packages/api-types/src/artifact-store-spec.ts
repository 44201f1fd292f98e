import {limits} from './limits.ts';
import {cel} from './schema/cel.ts';
import {boolean, integer, object, optional, type Static, string} from './schema/fields.ts';
import {secretName} from './schema/names.ts';

/** Where artifacts are kept: `spec.artifactStore` of a Runtime and its snapshot in `status` of a Run. */
export const artifactStoreSchema = object(
  {
    filesystem: optional(
      object({
        claimName: string(limits.secretName, {
          minLength: 1,
          description: 'A PersistentVolumeClaim in the namespace of the Runtime.',
        }),
        path: optional(string(limits.path, {description: 'Directory in the volume; its root if absent.'})),
      }),
    ),
    s3: optional(
      object({
        bucket: string(63, {minLength: 3}),
        prefix: optional(string(limits.objectPrefix, {description: 'Put before every object key.'})),
        endpoint: optional(
          string(limits.endpoint, {pattern: '^https?://', description: "URL of the service; AWS's if absent."}),
        ),
        region: optional(string(64)),
        forcePathStyle: optional(boolean({description: 'Bucket in the path and not in the host name.'})),
        secretName: optional(
          secretName({description: 'Secret with accessKeyID and secretAccessKey; the identity of the Pod if absent.'}),
        ),
      }),
    ),
    maxBytesPerRun: optional(integer(0, limits.safeInteger, {description: 'More than this is not uploaded.'})),
  },
  {rules: [cel('has(self.filesystem) != has(self.s3)', 'exactly one of filesystem and s3 must be set')]},
);

export type ArtifactStoreSpec = Static<typeof artifactStoreSchema>;
