import {type ChildProcess, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdir, mkdtemp, rm} from 'node:fs/promises';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import type {S3Client} from '@aws-sdk/client-s3';
import type {S3Credentials} from '../s3-connection.ts';
import {type ResolveS3ServerOptions, resolveS3Server} from './s3-server-binary.ts';

export interface S3ServerOptions extends ResolveS3ServerOptions {
  /** Default: a new pair. */
  credentials?: S3Credentials | undefined;
  /** Address of this machine at which it is reached. Default: `127.0.0.1` */
  host?: string | undefined;
}

const REGION = 'us-east-1';
const START_TIMEOUT_MS = 120_000;
/** Runs a program until it ends or standard input does: it must not outlive a test runner that is killed. */
const GUARD = 'exec 3<&0; "$@" & child=$!; (read -r _ <&3; kill -9 $child) 2>/dev/null & wait $child';

/**
 * A real S3 server (versitygw), on a port of the loopback unless told otherwise, its data in a temporary directory.
 *
 * @throws ArtifactStoreError `S3_SERVER_MISSING`
 */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const {
    credentials = {accessKeyId: randomBytes(10).toString('hex'), secretAccessKey: randomBytes(20).toString('hex')},
    host = '127.0.0.1',
  } = options;
  const program = await resolveS3Server(options);
  const directory = await mkdtemp(join(tmpdir(), 's3-server-'));
  const server = new S3Server(program, directory, credentials, host);
  try {
    await server.start();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

/** A running S3 server, for tests. */
export class S3Server implements AsyncDisposable {
  readonly region = REGION;
  readonly #program: string;
  readonly #directory: string;
  readonly #host: string;
  #credentials: S3Credentials;
  #port: number | undefined;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(program: string, directory: string, credentials: S3Credentials, host: string) {
    this.#program = program;
    this.#directory = directory;
    this.#credentials = credentials;
    this.#host = host;
  }

  /** `http://<host>:<port>`; stays the same when the server is started again. */
  get endpoint(): string {
    return `http://${this.#host}:${this.#port}`;
  }

  get credentials(): S3Credentials {
    return this.#credentials;
  }

  /** Makes an empty bucket. */
  async createBucket(name: string): Promise<void> {
    await using client = await this.#client();
    const {CreateBucketCommand} = await import('@aws-sdk/client-s3');
    await client.send(new CreateBucketCommand({Bucket: name}));
  }

  /** Begins an upload that nobody will finish. */
  async beginUpload(bucket: string, key: string): Promise<void> {
    await using client = await this.#client();
    const {CreateMultipartUploadCommand} = await import('@aws-sdk/client-s3');
    await client.send(new CreateMultipartUploadCommand({Bucket: bucket, Key: key}));
  }

  /** Unfinished uploads of a bucket, as `key`. */
  async listUploads(bucket: string): Promise<string[]> {
    await using client = await this.#client();
    const {ListMultipartUploadsCommand} = await import('@aws-sdk/client-s3');
    const {Uploads = []} = await client.send(new ListMultipartUploadsCommand({Bucket: bucket}));
    return Uploads.map(({Key}) => Key ?? '');
  }

  /**
   * Starts the server again after {@link stop}, on the same port and with the same data.
   *
   * @param credentials accepted from now on. Default: as before
   */
  async start(credentials = this.#credentials): Promise<void> {
    this.#credentials = credentials;
    const fixed = this.#port;
    for (let attempt = 1; ; attempt++) {
      this.#port = fixed ?? (await freePort(this.#host));
      const end = await this.#launch();
      if (end === 'ready') return;
      // Somebody else may have taken the port meanwhile.
      if (attempt === 5) throw new Error(`the S3 server does not start (${end}): ${this.#output.trim()}`);
    }
  }

  /** Kills the server; its data stays. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.stdin?.end();
    await exited;
  }

  /** Kills the server and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#directory, {recursive: true, force: true});
  }

  /** @returns `ready`, or how the process ended */
  async #launch(): Promise<string> {
    const [data, metadata] = [join(this.#directory, 'data'), join(this.#directory, 'metadata')];
    await mkdir(data, {recursive: true});
    await mkdir(metadata, {recursive: true});
    const args = ['--port', `${this.#host}:${this.#port}`, '--region', REGION];
    const child = spawn('sh', ['-c', GUARD, 'sh', this.#program, ...args, 'posix', '--sidecar', metadata, data], {
      cwd: this.#directory,
      env: {
        PATH: process.env['PATH'],
        HOME: this.#directory,
        ROOT_ACCESS_KEY: this.#credentials.accessKeyId,
        ROOT_SECRET_KEY: this.#credentials.secretAccessKey,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdin.on('error', () => {});
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-2000);
      });
    }
    let end: string | undefined;
    child.once('error', (error) => (end = error.message));
    child.once('exit', (code, signal) => (end = signal ?? `exit code ${code}`));
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (end === undefined) {
      if (await this.#answers()) return 'ready';
      if (performance.now() > deadline) {
        await this.stop();
        return `no answer within ${START_TIMEOUT_MS / 1000} s`;
      }
      await delay(25);
    }
    child.stdin.end();
    return end;
  }

  /** Whether this server answers: another on the same port does not know the credentials. */
  async #answers(): Promise<boolean> {
    await using client = await this.#client();
    const {ListBucketsCommand} = await import('@aws-sdk/client-s3');
    return await client.send(new ListBucketsCommand({}), {abortSignal: AbortSignal.timeout(10_000)}).then(
      () => true,
      () => false,
    );
  }

  async #client(): Promise<S3Client & AsyncDisposable> {
    const sdk = await import('@aws-sdk/client-s3');
    const {accessKeyId, secretAccessKey} = this.#credentials;
    const client = new sdk.S3Client({
      region: REGION,
      endpoint: this.endpoint,
      forcePathStyle: true,
      credentials: {accessKeyId, secretAccessKey},
      maxAttempts: 1,
    });
    return Object.assign(client, {[Symbol.asyncDispose]: async () => client.destroy()});
  }
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error(`no port of ${host} is free`);
  return address.port;
}
