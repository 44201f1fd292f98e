// A Kubernetes node for people: npm run e2e:cluster -- up [ARCHIVE ...] | load ARCHIVE ... | down | inside COMMAND [ARGUMENT ...]
import {spawnSync} from 'node:child_process';
import {findCluster, startCluster, stopCluster} from './cluster.ts';
import {clusterLayout} from './layout.ts';

const [verb, ...args] = process.argv.slice(2);
const layout = clusterLayout(Number(process.env['KRUNTIMES_E2E_CLUSTER'] ?? 0));
try {
  switch (verb) {
    case 'up': {
      const cluster = await startCluster({images: args});
      console.log(`export KUBECONFIG=${cluster.kubeconfig}`);
      console.error(`OCI registry, plain HTTP: ${cluster.registry}`);
      break;
    }
    case 'down':
      await stopCluster(layout);
      break;
    case 'load': {
      const cluster = await findCluster();
      for (const archive of args) await cluster.loadImage(archive);
      break;
    }
    case 'inside': {
      const cluster = await findCluster();
      const [program, ...rest] = cluster.enter(args.length > 0 ? args : ['bash']);
      process.exitCode = spawnSync(program!, rest, {stdio: 'inherit'}).status ?? 1;
      break;
    }
    default:
      console.error(
        'usage: npm run e2e:cluster -- up [ARCHIVE ...] | load ARCHIVE ... | down | inside COMMAND [ARGUMENT ...]',
      );
      process.exitCode = 2;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
