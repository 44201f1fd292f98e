/** Counts requests, for `/metrics`. */
export class RequestMetrics {
  readonly #counts = new Map<string, {labels: string; count: number}>();

  count(labels: Readonly<Record<string, string>>): void {
    const text = Object.entries(labels)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(',');
    const known = this.#counts.get(text);
    if (known) known.count++;
    else if (this.#counts.size < MAX_SERIES) this.#counts.set(text, {labels: text, count: 1});
  }

  /** In the text format of Prometheus. */
  render(): string {
    const lines = [...this.#counts.values()].map(({labels, count}) => `apiserver_request_total{${labels}} ${count}`);
    return [
      '# HELP apiserver_request_total Requests, by verb, resource and code of the answer.',
      '# TYPE apiserver_request_total counter',
      ...lines.sort(),
      '',
    ].join('\n');
  }
}

/** Resources and codes are not without number, but names of resources come and go. */
const MAX_SERIES = 10_000;
