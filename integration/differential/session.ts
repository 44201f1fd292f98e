import type {IncomingMessage} from 'node:http';
import {Agent, request} from 'node:https';
import {setTimeout as delay} from 'node:timers/promises';
import {parse as parseYaml} from 'yaml';
import type {Json, RequestStep, Scenario, Step, WatchStep} from './scenario.ts';
import {valueAt} from './scenario.ts';

/** Where a server is, and how to be its administrator. */
export interface ServerAccess {
  server: string;
  ca: string;
  token: string;
}

/** What a server said, before anything is evened out. */
export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  /** JSON where it is JSON, else the text. Of a watch: its events. */
  body: Json;
  /** What went wrong on the way. */
  failure?: string;
}

/** An answer and the step it belongs to; of a watch also those to what happened meanwhile. */
export interface Exchange {
  step: Step;
  answer: Answer;
}

const ANSWER_TIMEOUT_MS = 30_000;
const UNTIL_TIMEOUT_MS = 30_000;

/** Sends scenarios to one server. */
export class Session {
  readonly #access: ServerAccess;
  readonly #agent: Agent;

  constructor(access: ServerAccess) {
    this.#access = access;
    this.#agent = new Agent({keepAlive: true, ca: access.ca});
  }

  close(): void {
    this.#agent.destroy();
  }

  /** All answers of a scenario, in order. Does not reject: what fails stands in the answer. */
  async run(scenario: Scenario): Promise<Exchange[]> {
    const variables = new Map([['ns', `d-${scenario.name}`]]);
    const exchanges: Exchange[] = [];
    for (const step of [...preparation, ...scenario.steps]) {
      if ('watch' in step) exchanges.push(...(await this.#watch(step, variables)));
      else exchanges.push(await this.#request(step, variables));
    }
    return exchanges.slice(preparation.length);
  }

  async #request(step: RequestStep, variables: Map<string, string>): Promise<Exchange> {
    const deadline = performance.now() + UNTIL_TIMEOUT_MS;
    let answer = await this.#send(step, variables);
    while (step.until !== undefined && !step.until(answer) && performance.now() < deadline) {
      await delay(25);
      answer = await this.#send(step, variables);
    }
    if (step.until !== undefined && !step.until(answer)) answer = {...answer, failure: 'never became what was awaited'};
    if (step.quiet && answer.status >= 300) answer = {...answer, failure: 'the preparation failed'};
    save(step.save, answer.body, variables);
    return {step, answer};
  }

  async #send(step: RequestStep, variables: Map<string, string>): Promise<Answer> {
    try {
      const response = await this.#open(step.request, step, step.body, variables);
      return await wholeAnswer(response);
    } catch (error) {
      return failed(error);
    }
  }

  async #watch(step: WatchStep, variables: Map<string, string>): Promise<Exchange[]> {
    const meanwhile: Exchange[] = [];
    let response: IncomingMessage;
    try {
      response = await this.#open(step.watch, step, undefined, variables);
    } catch (error) {
      return [{step, answer: failed(error)}];
    }
    if (response.statusCode !== 200) return [{step, answer: await wholeAnswer(response).catch(failed)}];
    const events: Json[] = [];
    const wanted = step.events === 'end' ? Number.POSITIVE_INFINITY : step.events;
    let due = step.during !== undefined;
    let running: Promise<void> | undefined;
    const begin = (): void => {
      if (!due || events.length < (step.after ?? 0)) return;
      due = false;
      running = (async () => {
        for (const inner of step.during ?? []) meanwhile.push(await this.#request(inner, variables));
      })();
    };
    let failure: string | undefined;
    const timer = setTimeout(() => {
      failure = `${events.length} events in ${ANSWER_TIMEOUT_MS / 1000} s`;
      response.destroy();
    }, ANSWER_TIMEOUT_MS);
    try {
      begin();
      let rest = '';
      response.setEncoding('utf8');
      if (events.length < wanted) {
        for await (const chunk of response) {
          const lines = (rest + String(chunk)).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) if (events.length < wanted) events.push(bodyOf(line));
          begin();
          if (events.length >= wanted) break;
        }
      }
      if (rest !== '') events.push(bodyOf(rest));
    } catch (error) {
      failure ??= failed(error).failure;
    } finally {
      clearTimeout(timer);
      response.destroy();
    }
    await running;
    const answer = {...answerOf(response, events), ...(failure === undefined ? {} : {failure})};
    save(step.save, events.at(-1) ?? null, variables);
    return [{step, answer}, ...meanwhile];
  }

  #open(
    line: string,
    options: {headers?: Readonly<Record<string, string>>; as?: string},
    body: Json | Uint8Array | undefined,
    variables: Map<string, string>,
  ): Promise<IncomingMessage> {
    const [method = '', path = ''] = fill(line, variables).split(/ (.*)/s);
    const payload = bytesOf(body, variables);
    const token = options.as === undefined ? this.#access.token : `${options.as}-token`;
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': 'differential/1.0',
      ...(options.as === '' ? {} : {authorization: `Bearer ${token}`}),
      ...(payload === undefined
        ? {}
        : {'content-type': 'application/json', 'content-length': String(payload.byteLength)}),
    };
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value === '') delete headers[name];
      else headers[name] = fill(value, variables);
    }
    return new Promise((resolve, reject) => {
      const sent = request(new URL(this.#access.server), {
        method,
        path: encodeURI(path).replaceAll('%25', '%'),
        headers,
        agent: this.#agent,
        timeout: ANSWER_TIMEOUT_MS,
      });
      sent
        .on('response', resolve)
        .on('error', reject)
        .on('timeout', () => sent.destroy(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)))
        .end(payload);
    });
  }
}

/** What no controller does here: a namespace with the account that Pods run as. */
const preparation: readonly RequestStep[] = [
  {
    request: 'POST /api/v1/namespaces',
    body: {apiVersion: 'v1', kind: 'Namespace', metadata: {name: '{ns}'}},
    quiet: true,
  },
  {
    request: 'POST /api/v1/namespaces/{ns}/serviceaccounts',
    body: {apiVersion: 'v1', kind: 'ServiceAccount', metadata: {name: 'default'}},
    quiet: true,
  },
];

function save(saved: Readonly<Record<string, string>> | undefined, body: Json, variables: Map<string, string>): void {
  for (const [name, path] of Object.entries(saved ?? {})) {
    const value = valueAt(body, path);
    variables.set(name, typeof value === 'string' ? value : JSON.stringify(value ?? null));
  }
}

function fill(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => variables.get(name) ?? whole);
}

function bytesOf(body: Json | Uint8Array | undefined, variables: ReadonlyMap<string, string>): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return Buffer.from(fill(typeof body === 'string' ? body : JSON.stringify(body), variables));
}

function bodyOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

async function wholeAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  // How YAML is laid out is no matter: what it says is.
  const isYaml = response.headers['content-type']?.startsWith('application/yaml') === true;
  return answerOf(response, isYaml ? (parseYaml(text) as Json) : bodyOf(text));
}

function answerOf(response: IncomingMessage, body: Json): Answer {
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  return {status: response.statusCode ?? 0, headers: Object.fromEntries(headers) as Record<string, string>, body};
}

function failed(error: unknown): Answer {
  return {status: 0, headers: {}, body: null, failure: error instanceof Error ? error.message : String(error)};
}
