import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import type {IncomingMessage} from 'node:http';
import {Agent, request} from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import {CertificateAuthority} from '../auth/certificate-authority.ts';
import type {JsonObject} from '../json/json-value.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

export interface Answer {
  code: number;
  body: JsonObject;
}

/** The program with TLS and SQLite (`synchronous=FULL`), from its sources, so that it can be killed and asked. */
export class ServerProgram implements AsyncDisposable {
  /** Of a member of `system:masters`. */
  readonly token = 'secret';
  readonly agent: Agent;
  readonly #directory: string;
  readonly #authority: CertificateAuthority;
  readonly #database: string;
  #child: ChildProcess | undefined;
  #url: Promise<URL>;
  #stderr = '';

  private constructor(directory: string, authority: CertificateAuthority, database: string) {
    this.#directory = directory;
    this.#authority = authority;
    this.#database = database;
    this.agent = new Agent({keepAlive: true, ca: this.ca});
    this.#url = this.#start();
  }

  /** @param database default: in a directory that goes away with the server */
  static async start(database?: string): Promise<ServerProgram> {
    const directory = await mkdtemp(join(tmpdir(), 'apiserver-'));
    const authority = CertificateAuthority.create();
    const {cert, key} = authority.issue({commonName: 'kube-apiserver', hosts: ['127.0.0.1']});
    await writeFile(join(directory, 'tls.crt'), cert);
    await writeFile(join(directory, 'tls.key'), key);
    await writeFile(join(directory, 'tokens.csv'), 'secret,admin,admin,system:masters\n');
    const server = new ServerProgram(directory, authority, database ?? join(directory, 'objects.db'));
    await server.#url;
    return server;
  }

  /** Of the server that runs, or of the next one. */
  get url(): Promise<URL> {
    return this.#url;
  }

  get ca(): string {
    return this.#authority.certificate;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** What it has written to stderr, of all its lives. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Resident memory in MiB. */
  get residentMiB(): number {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(this.pid)], {encoding: 'utf8'})) / 1024;
  }

  /** `kill -9`, and starts the next one on the same data. */
  async restart(): Promise<void> {
    await this.#url;
    this.#url = this.#kill().then(() => this.#start());
    await this.#url;
  }

  /** Opens a request; a body is sent as JSON. */
  async open(method: string, path: string, body?: JsonObject, agent: Agent = this.agent): Promise<IncomingMessage> {
    const url = new URL(path, await this.#url);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const sent = request(url, {
      method,
      agent,
      ca: this.ca,
      headers: {
        authorization: `Bearer ${this.token}`,
        accept: 'application/json',
        ...(payload && {'content-type': 'application/json', 'content-length': payload.length}),
      },
    });
    sent.end(payload);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  /** The whole answer. Rejects where the server dies before it is there. */
  async ask(method: string, path: string, body?: JsonObject): Promise<Answer> {
    const response = await this.open(method, path, body);
    return {code: response.statusCode ?? 0, body: JSON.parse(await text(response)) as JsonObject};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#url.catch(() => {});
    this.agent.destroy();
    await this.#kill();
    await rm(this.#directory, {recursive: true});
  }

  async #kill(): Promise<void> {
    const child = this.#child!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async #start(): Promise<URL> {
    const file = (name: string): string => join(this.#directory, name);
    const child = spawn(
      process.execPath,
      [
        '--conditions=development',
        '--disable-warning=ExperimentalWarning',
        main,
        '--secure-port=0',
        `--tls-cert-file=${file('tls.crt')}`,
        `--tls-private-key-file=${file('tls.key')}`,
        `--token-auth-file=${file('tokens.csv')}`,
        `--storage=sqlite:${this.#database}`,
      ],
      {stdio: ['ignore', 'pipe', 'pipe']},
    );
    this.#child = child;
    child.stderr.on('data', (chunk) => {
      this.#stderr += String(chunk);
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the server did not start: ${this.#stderr}`);
    });
    const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
    ended.catch(() => {});
    const [, url = ''] = /^kruntimes-apiserver serves on (https:\S+)\n$/.exec(line.toString()) ?? [];
    return new URL(url);
  }
}
