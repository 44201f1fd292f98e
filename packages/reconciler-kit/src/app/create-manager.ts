import {Manager, type ManagerOptions} from '../manager.ts';
import type {ServerApp, ServerContext} from './run-server-app.ts';

/** What a server app has before there is a Manager. */
type Parts = Pick<ServerContext, 'options' | 'config' | 'logger' | 'metrics' | 'clock'>;

/** A Manager as the flags of an app want it: its addresses, and `--leader-elect` with a Lease of the app's name in its own namespace. */
export function createManager(
  {name}: Pick<ServerApp, 'name'>,
  parts: Parts,
  overrides: Omit<ManagerOptions, 'config' | 'transport'> = {},
): Manager {
  const {options, config, logger, metrics, clock} = parts;
  const {metricsBindAddress, healthProbeBindAddress, leaderElect} = options;
  return new Manager({
    name,
    config,
    logger,
    metrics,
    clock,
    metricsBindAddress,
    healthProbeBindAddress,
    ...(leaderElect && {leaderElection: {namespace: config.namespace, name}}),
    ...overrides,
  });
}
