/** The maintainer's program: deletes and serves the artifacts of one store in one namespace. */
import {openStore} from '@kruntimes/artifact-store';
import {runServerApp} from '@kruntimes/reconciler-kit/app';
import packageJson from '../package.json' with {type: 'json'};
import {addMaintainer} from './add-maintainer.ts';
import {addMaintainerOptions, type MaintainerOptions} from './maintainer-options.ts';

await runServerApp<MaintainerOptions>({
  name: 'kruntimes-runtime-maintainer',
  version: packageJson.version,
  description:
    'Deletes the artifacts of Runs that are deleted, and serves those of others, for one store in one namespace.',
  examples: [
    'kruntimes-runtime-maintainer --namespace team-a --artifact-store \'{"filesystem":{"claimName":"artifacts"}}\'',
    'kruntimes-runtime-maintainer --namespace team-a --artifact-store \'{"s3":{"bucket":"artifacts"}}\' --kubeconfig ~/.kube/config',
  ],
  leaderElection: false,
  serviceAccountDirectory: process.env['KRUNTIME_SERVICE_ACCOUNT_DIR'],
  options: addMaintainerOptions,
  run: async ({createManager, options, config, logger, signal, clock}) => {
    const manager = await createManager();
    const store = openStore(options.artifactStore, {
      directory: options.artifactsDirectory,
      credentialsDirectory: options.artifactsCredentials,
    });
    addMaintainer(manager, {
      ...options,
      namespace: options.namespace ?? config.namespace,
      spec: options.artifactStore,
      store,
      clock,
      logger,
    });
    await manager.start(signal);
    await store.close();
  },
});
