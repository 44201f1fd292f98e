import {Manager, type ManagerOptions} from '../manager.ts';
import {exclusiveScope} from './exclusive-scope.ts';
import type {ServerApp, ServerContext} from './run-server-app.ts';

/** What a server app has before there is a Manager. */
type Parts = Pick<ServerContext, 'options' | 'config' | 'logger' | 'metrics' | 'clock'>;

/**
 * A Manager as the flags of an app want it: its addresses, and `--leader-elect` with a Lease of the app's name, or with `--installation`
 * that of its scope.
 */
export function createManager(
  {name, installationAnnotation: annotation}: Pick<ServerApp, 'name' | 'installationAnnotation'>,
  parts: Parts,
  overrides: Omit<ManagerOptions, 'config' | 'transport'> = {},
): Manager {
  const {options, config, logger, metrics, clock} = parts;
  const {metricsBindAddress, healthProbeBindAddress, leaderElect, installation} = options;
  const election = {namespace: options.leaderElectNamespace ?? config.namespace, name};
  const scope = options.namespace === undefined ? {} : {namespace: options.namespace};
  return new Manager({
    name,
    config,
    logger,
    metrics,
    clock,
    metricsBindAddress,
    healthProbeBindAddress,
    ...(leaderElect && {
      leaderElection:
        installation === undefined || annotation === undefined
          ? election
          : exclusiveScope({app: name, leaseNamespace: election.namespace, installation, annotation, ...scope}),
    }),
    ...overrides,
  });
}
