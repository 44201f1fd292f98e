import {type Clock, systemClock} from './clock.ts';
import {type HttpAnswer, HttpListener} from './http-listener.ts';
import {type Logger, silentLogger} from './silent-logger.ts';

/** Passes when it returns, fails when it throws or rejects. `signal` is aborted when nobody waits for it any more. */
export type HealthCheck = (signal: AbortSignal) => void | Promise<void>;

export interface HealthServerOptions {
  /** `:8081`, `127.0.0.1:0`, `[::1]:8081`; `0` turns it off. */
  bindAddress: string;
  /** A check that takes longer has failed. Default 5,000. */
  checkTimeoutMs?: number;
  clock?: Clock;
  logger?: Logger;
}

/**
 * Serves `/healthz` and `/readyz`, with the query parameters of the Kubernetes API server: `?verbose` lists each check,
 * `?exclude=NAME` leaves one out. `/healthz/NAME` asks one check only. Answers 200 or 500.
 *
 * Why a check failed is logged, not served: probes need no authentication.
 *
 * @see https://kubernetes.io/docs/reference/using-api/health-checks/
 */
export class HealthServer {
  readonly #listener: HttpListener;
  readonly #checks = {
    healthz: new Map<string, HealthCheck>([['ping', () => {}]]),
    readyz: new Map<string, HealthCheck>([['ping', () => {}]]),
  };
  readonly #checkTimeoutMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: HealthServerOptions) {
    this.#checkTimeoutMs = options.checkTimeoutMs ?? 5_000;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#listener = new HttpListener({
      name: 'health',
      bindAddress: options.bindAddress,
      logger: this.#logger,
      answer: (url) => this.#answer(url),
    });
  }

  /** Where it listens, such as `127.0.0.1:43127`; undefined while it does not. */
  get address(): string | undefined {
    return this.#listener.address;
  }

  /** Adds a check to `/healthz`: whether a restart would help. */
  addHealthCheck(name: string, check: HealthCheck): void {
    this.#checks.healthz.set(name, check);
  }

  /** Adds a check to `/readyz`: whether this process can do its work now. */
  addReadyCheck(name: string, check: HealthCheck): void {
    this.#checks.readyz.set(name, check);
  }

  start(): Promise<void> {
    return this.#listener.start();
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  async #answer(url: URL): Promise<HttpAnswer> {
    const [, endpoint, name, ...rest] = url.pathname.replace(/\/$/, '').split('/');
    const isKnown = endpoint === 'healthz' || endpoint === 'readyz';
    const checks = isKnown ? this.#checks[endpoint] : new Map<string, HealthCheck>();
    if (!isKnown || rest.length > 0 || (name !== undefined && !checks.has(name))) {
      return {status: 404, body: 'not found; try /healthz or /readyz\n'};
    }
    const excluded = new Set(url.searchParams.getAll('exclude'));
    const wanted = [...checks].filter(([check]) => (name === undefined ? !excluded.has(check) : check === name));
    const results = await Promise.all(
      wanted.map(async ([check, run]) => ({check, passed: await this.#passes(check, run)})),
    );
    const passed = results.every((result) => result.passed);
    const status = passed ? 200 : 500;
    if (passed && !url.searchParams.has('verbose')) return {status, body: 'ok'};

    const lines = results.map((result) =>
      result.passed ? `[+]${result.check} ok` : `[-]${result.check} failed: reason withheld`,
    );
    for (const check of excluded) if (checks.has(check)) lines.push(`[+]${check} excluded: ok`);
    const unknown = [...excluded].filter((check) => !checks.has(check));
    if (unknown.length > 0)
      lines.push(
        `warn: some health checks cannot be excluded: no matches for ${unknown.map((u) => JSON.stringify(u)).join(', ')}`,
      );
    lines.push(`${endpoint} check ${passed ? 'passed' : 'failed'}`);
    return {status, body: `${lines.join('\n')}\n`};
  }

  async #passes(check: string, run: HealthCheck): Promise<boolean> {
    const abort = new AbortController();
    const {promise: timedOut, reject} = Promise.withResolvers<never>();
    const timer = this.#clock.setTimeout(
      () => reject(new Error(`no answer within ${this.#checkTimeoutMs} ms`)),
      this.#checkTimeoutMs,
    );
    try {
      await Promise.race([run(abort.signal), timedOut]);
      return true;
    } catch (error) {
      this.#logger.info('health check failed', {check, error});
      return false;
    } finally {
      timer.cancel();
      abort.abort();
    }
  }
}
