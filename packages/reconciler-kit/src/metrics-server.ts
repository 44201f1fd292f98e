import {HttpListener} from './http-listener.ts';
import type {Metrics} from './metrics.ts';
import type {Logger} from './silent-logger.ts';

export interface MetricsServerOptions {
  metrics: Metrics;
  /** `:8080`, `127.0.0.1:0`, `[::1]:8080`; `0` turns it off. */
  bindAddress: string;
  logger?: Logger;
}

/** Serves `/metrics` in the Prometheus text format. */
export class MetricsServer extends HttpListener {
  constructor({metrics, bindAddress, logger}: MetricsServerOptions) {
    super({
      name: 'metrics',
      bindAddress,
      ...(logger && {logger}),
      async answer({pathname}) {
        if (pathname !== '/metrics') return {status: 404, body: 'not found; try /metrics\n'};
        return {status: 200, contentType: metrics.registry.contentType, body: await metrics.text()};
      },
    });
  }
}
