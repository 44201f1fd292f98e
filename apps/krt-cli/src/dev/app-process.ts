import {get} from 'node:http';
import {setTimeout as delay} from 'node:timers/promises';
import {freePorts, type ProcessGuard, ServerProcess} from '@kruntimes/reconciler-kit/testing';

export interface AppProcessOptions {
  name: string;
  command: readonly string[];
  args: readonly string[];
  logPath: string;
  guard: ProcessGuard;
  /** Beside PATH and HOME. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Told the process id each time it starts. */
  onStart?: (pid: number) => void;
}

// Programs that start together on a busy machine take long.
const START_TIMEOUT_MS = 120_000;

/** One of the server apps as a process of this machine, with its metrics and health endpoints on ports of its own. */
export class AppProcess {
  readonly name: string;
  /** `127.0.0.1:port` */
  readonly healthAddress: string;
  readonly metricsAddress: string;
  readonly logPath: string;
  readonly #process: ServerProcess;
  readonly #onStart: ((pid: number) => void) | undefined;

  private constructor(options: AppProcessOptions, ports: readonly number[]) {
    const {name, command, args, logPath, guard, env} = options;
    const [program = '', ...fixed] = command;
    this.name = name;
    this.logPath = logPath;
    this.#onStart = options.onStart;
    this.healthAddress = `127.0.0.1:${ports[0]}`;
    this.metricsAddress = `127.0.0.1:${ports[1]}`;
    const addresses = [
      `--health-probe-bind-address=${this.healthAddress}`,
      `--metrics-bind-address=${this.metricsAddress}`,
    ];
    this.#process = new ServerProcess({
      name,
      program,
      args: [...fixed, ...addresses, ...args],
      logPath,
      guard,
      ...(env && {env}),
    });
  }

  static async create(options: AppProcessOptions): Promise<AppProcess> {
    return new AppProcess(options, await freePorts(2));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Starts it and waits until it is ready. @throws with the end of its log when it is not. */
  async start(): Promise<void> {
    this.#process.start();
    if (this.pid !== undefined) this.#onStart?.(this.pid);
    let ended: string | undefined;
    void this.#process.exited().then((how) => (ended = how));
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await isReady(this.healthAddress))) {
      if (ended !== undefined || performance.now() > deadline) {
        const what = ended === undefined ? `is not ready after ${START_TIMEOUT_MS / 1000} s` : `ended (${ended})`;
        throw new Error(`${this.name} ${what}:\n${await this.#process.lastLines()}`);
      }
      await delay(25);
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process.kill(signal);
  }

  /** Kills it if it runs, starts it anew on the same ports. */
  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  /** How the running process ends. */
  exited(): Promise<string> {
    return this.#process.exited();
  }
}

async function isReady(address: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const asked = get(`http://${address}/readyz`, {agent: false, timeout: 1_000}, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', () => resolve(false)).on('timeout', () => asked.destroy());
  });
}
