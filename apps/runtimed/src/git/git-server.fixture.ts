import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {createServer as createHttpsServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {CertificateAuthority} from '@kruntimes/reconciler-kit/testing';

const environment = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

/** A bare repository that a test fills. */
export class TestRepository {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, {recursive: true});
    this.git(['init', '--bare', '--quiet', '--initial-branch=main']);
    this.git(['config', 'http.receivepack', 'false']);
    this.git(['config', 'uploadpack.allowFilter', 'true']);
  }

  /** Runs git in it. @returns what it wrote, without the newline at its end */
  git(args: readonly string[], input: string | Buffer = ''): string {
    return execFileSync('git', args, {cwd: this.directory, env: environment, input, stdio: ['pipe', 'pipe', 'pipe']})
      .toString()
      .trimEnd();
  }

  blob(content: string | Buffer): string {
    return this.git(['hash-object', '-w', '--stdin'], content);
  }

  /** A tree of entries as they stand, whatever git itself would think of their names. */
  tree(entries: readonly {mode: string; name: string | Buffer; id: string}[]): string {
    const content = Buffer.concat(
      entries.flatMap(({mode, name, id}) => [
        Buffer.from(`${mode} `),
        Buffer.from(name),
        Buffer.from([0]),
        Buffer.from(id, 'hex'),
      ]),
    );
    return this.git(['hash-object', '-t', 'tree', '-w', '--stdin', '--literally'], content);
  }

  /** Commits a tree on top of a branch. @returns the id of the commit */
  commitTree(tree: string, branch = 'main'): string {
    const parent = this.#tip(branch);
    const id = this.git(['commit-tree', tree, '-m', 'a commit', ...(parent === undefined ? [] : ['-p', parent])]);
    this.git(['update-ref', `refs/heads/${branch}`, id]);
    return id;
  }

  /** Commits files by their paths, instead of all that the branch has. @returns the id of the commit */
  commit(files: Readonly<Record<string, string | Buffer | {mode: string; content: string}>>, branch = 'main'): string {
    const index = join(this.directory, 'test-index');
    rmSync(index, {force: true});
    const lines = Object.entries(files).map(([path, file]) => {
      const {mode, content} =
        typeof file === 'string' || Buffer.isBuffer(file) ? {mode: '100644', content: file} : file;
      return `${mode} ${mode === '160000' ? String(content) : this.blob(content)}\t${path}\0`;
    });
    const options = {cwd: this.directory, env: {...environment, GIT_INDEX_FILE: index}};
    execFileSync('git', ['update-index', '-z', '--index-info'], {...options, input: lines.join('')});
    return this.commitTree(execFileSync('git', ['write-tree'], options).toString().trim(), branch);
  }

  #tip(branch: string): string | undefined {
    try {
      return this.git(['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`]);
    } catch {
      return undefined;
    }
  }
}

/** One request as it came. */
export interface SeenRequest {
  readonly path: string;
  readonly authorization: string | undefined;
}

/** A git server over HTTPS, or HTTP, that does what a test wants: git's own http-backend behind Node's server. */
export class GitServer implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'krt-git-server-'));
  readonly authority: CertificateAuthority;
  readonly requests: SeenRequest[] = [];
  /** `user:password` that is asked for; none if undefined. */
  credentials: string | undefined;
  /** Looks at a request first. @returns whether it has answered, or never will */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #server: Server;

  private constructor(server: Server, authority: CertificateAuthority) {
    this.#server = server;
    this.authority = authority;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
  }

  static async start(
    options: {protocol?: 'https' | 'http'; authority?: CertificateAuthority} = {},
  ): Promise<GitServer> {
    const {protocol = 'https', authority = CertificateAuthority.create()} = options;
    const server =
      protocol === 'http'
        ? createHttpServer()
        : createHttpsServer(authority.issue({commonName: 'git', hosts: ['127.0.0.1', 'localhost']}));
    const started = new GitServer(server, authority);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return started;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** @param host `localhost` is another name of the same server */
  url(path: string, {protocol = 'https', host = '127.0.0.1'} = {}): string {
    return `${protocol}://${host}:${this.port}/${path}`;
  }

  repository(name: string): TestRepository {
    return new TestRepository(join(this.directory, name));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const {authorization} = request.headers;
    this.requests.push({path: request.url ?? '', authorization});
    if (this.intercept(request, response)) return;
    if (this.credentials !== undefined && authorization !== `Basic ${btoa(this.credentials)}`) {
      response.writeHead(401, {'www-authenticate': 'Basic realm="git"'}).end('who are you');
      return;
    }
    this.#backend(request, response);
  }

  /** CGI, as git-http-backend speaks it. */
  #backend(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://git');
    const backend = spawn('git', ['http-backend'], {
      env: {
        ...environment,
        GIT_PROJECT_ROOT: this.directory,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? '',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        ...(request.headers['content-encoding'] && {HTTP_CONTENT_ENCODING: request.headers['content-encoding']}),
        ...(request.headers['git-protocol'] && {GIT_PROTOCOL: String(request.headers['git-protocol'])}),
        ...(request.headers['content-length'] && {CONTENT_LENGTH: request.headers['content-length']}),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(backend.stdin);
    backend.stdin.on('error', () => {});
    response.on('close', () => backend.kill());
    let head = '';
    backend.stdout.on('data', (chunk: Buffer) => {
      if (response.headersSent) {
        response.write(chunk);
        return;
      }
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const headers = head
        .slice(0, end)
        .split('\r\n')
        .map((line) => line.split(': ') as [string, string]);
      const status = headers.find(([name]) => name === 'Status')?.[1] ?? '200';
      response.writeHead(
        Number.parseInt(status, 10),
        Object.fromEntries(headers.filter(([name]) => name !== 'Status')),
      );
      response.write(Buffer.from(head.slice(end + 4), 'latin1'));
    });
    backend.stdout.on('end', () => response.end());
    backend.on('error', () => response.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.directory, {recursive: true, force: true});
  }
}
