import {describe, expect, test} from '@jest/globals';
import {systemClock} from '../clock.ts';
import {Metrics} from '../metrics.ts';
import {silentLogger} from '../silent-logger.ts';
import {createManager} from './create-manager.ts';
import type {ServerOptions} from './server-options.ts';
import {serverCommand} from './server-options.ts';

const app = {name: 'sample', version: '1', description: 'Waits.', examples: [], run: async () => {}};

function managerOf(args: string[], overrides = {}) {
  const command = serverCommand(app);
  command.parse(args, {from: 'user'});
  const config = {server: 'http://127.0.0.1:9', namespace: 'home'};
  const metrics = new Metrics();
  const manager = createManager(
    app,
    {options: command.opts<ServerOptions>(), config, logger: silentLogger, metrics, clock: systemClock},
    overrides,
  );
  return {manager, metrics};
}

const off = ['--metrics-bind-address=0', '--health-probe-bind-address=0'];

describe('createManager', () => {
  test('uses the metrics of the app, and listens where the flags say', async () => {
    const {manager, metrics} = managerOf(['--metrics-bind-address=127.0.0.1:0', '--health-probe-bind-address=0']);
    expect(manager.metrics).toBe(metrics);
    const stop = new AbortController();
    const running = manager.start(stop.signal);
    while (manager.metricsAddress === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(manager.metricsAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(manager.healthAddress).toBeUndefined();
    stop.abort();
    await running;
  });

  test('competes for the Lease of its name only with --leader-elect', async () => {
    for (const flag of [[], ['--leader-elect']]) {
      const {metrics} = managerOf([...off, ...flag]);
      const competes = (await metrics.text()).includes('leader_election_master_status{name="sample"}');
      expect(competes).toBe(flag.length > 0);
    }
  });

  test('takes what the app wants otherwise', () => {
    expect(() => managerOf(off, {gracefulShutdownMs: 1})).not.toThrow();
  });
});
