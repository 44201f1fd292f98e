import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {freePorts} from '@kruntimes/reconciler-kit/testing';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A line of the log of a component. */
export interface LogLine {
  level: string;
  message: string;
  reason?: string;
}

/** A controller or scheduler as a process of this machine, with the arguments of a container. */
export class Component {
  readonly log: LogLine[] = [];
  /** Its exit code. */
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #healthPort: number;
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess, healthPort: number) {
    this.#child = child;
    this.#healthPort = healthPort;
    this.exit = once(child, 'close').then(([code]: unknown[]) => {
      this.#notify();
      return code as number | null;
    });
    if (child.stderr !== null)
      createInterface({input: child.stderr}).on('line', (line) => {
        this.log.push(JSON.parse(line) as LogLine);
        this.#notify();
      });
  }

  /** @param args of the container; its addresses are replaced by free ones */
  static async start(app: 'controller' | 'scheduler', args: readonly string[], kubeconfig: string): Promise<Component> {
    const [healthPort = 0] = await freePorts(1);
    const replaced = args.filter((arg) => !/^--(metrics|health-probe)-bind-address=/.test(arg));
    const addresses = ['--metrics-bind-address=0', `--health-probe-bind-address=127.0.0.1:${healthPort}`];
    const program = join(root, 'apps', app, 'dist', 'main.js');
    const child = spawn(process.execPath, [program, ...replaced, ...addresses, `--kubeconfig=${kubeconfig}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return new Component(child, healthPort);
  }

  /** Resolves with the first line that has this message. @throws when the process ends before */
  async logged(message: string): Promise<LogLine> {
    for (;;) {
      const line = this.log.find((candidate) => candidate.message === message);
      if (line !== undefined) return line;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`ended before it logged "${message}": ${JSON.stringify(this.log.slice(-3))}`);
      const {promise, resolve} = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
    }
  }

  /** Status of its readiness probe. */
  async readyz(): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.#healthPort}/readyz`)).status;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    return await this.exit;
  }

  #notify(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
