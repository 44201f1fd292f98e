import {once} from 'node:events';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {createServer, type Server} from 'node:https';
import type {AddressInfo} from 'node:net';
import {type Client, kinds} from '@kruntimes/reconciler-kit';
import type {ControlPlaneAccess} from '@kruntimes/reconciler-kit/testing';

interface LogLine {
  timeMs: number;
  text: string;
}

/** A Node object and the one call of a kubelet's API that `pods/log` makes, with logs that the test writes. */
export class StubNode implements AsyncDisposable {
  readonly name: string;
  readonly requests: URL[] = [];
  readonly #client: Client;
  readonly #server: Server;
  readonly #logs = new Map<string, LogLine[]>();
  readonly #followers = new Set<{key: string; response: ServerResponse}>();

  constructor(client: Client, name: string, tls: {cert: string; key: string}) {
    this.#client = client;
    this.name = name;
    this.#server = createServer(tls, (request, response) => this.#answer(request, response));
  }

  static async start(controlPlane: ControlPlaneAccess, client: Client, name: string): Promise<StubNode> {
    const tls = controlPlane.issueCertificate({commonName: `system:node:${name}`, hosts: ['127.0.0.1']});
    const node = new StubNode(client, name, tls);
    node.#server.listen(0, '127.0.0.1');
    await once(node.#server, 'listening');
    const {port} = node.#server.address() as AddressInfo;
    const nodes = client.kind(kinds.Node);
    const created = await nodes.create({metadata: {name}});
    await nodes.updateStatus({
      ...created,
      status: {
        addresses: [{type: 'InternalIP', address: '127.0.0.1'}],
        daemonEndpoints: {kubeletEndpoint: {Port: port}},
      },
    });
    return node;
  }

  /** A Runtime Pod on this node; its containers exist in words only. */
  async createPod(namespace: string, name: string, runtime: string): Promise<{name: string; uid: string}> {
    const pod = await this.#client.kind(kinds.Pod).create({
      metadata: {name, namespace, labels: {'kruntimes.io/runtime': runtime}},
      spec: {
        nodeName: this.name,
        initContainers: [{name: 'runtimed', image: 'runtimed', restartPolicy: 'Always'}],
        containers: [{name: 'runtime', image: 'runtime'}],
      },
    });
    this.#logs.set(`${namespace}/${name}/runtimed`, []);
    return {name, uid: pod.metadata?.uid ?? ''};
  }

  /** What container runtimed prints; followers see it at once. */
  print(namespace: string, pod: string, lines: readonly string[], timeMs: number): void {
    const key = `${namespace}/${pod}/runtimed`;
    const log = this.#logs.get(key) ?? [];
    this.#logs.set(key, log);
    for (const text of lines) {
      log.push({timeMs, text});
      for (const follower of this.#followers) if (follower.key === key) follower.response.write(`${text}\n`);
    }
  }

  /** The kubelet is restarted: everybody who follows is cut off. */
  cut(): void {
    for (const {response} of this.#followers) response.destroy();
    this.#followers.clear();
  }

  get followers(): number {
    return this.#followers.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#client.kind(kinds.Node).delete({name: this.name});
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'https://node');
    this.requests.push(url);
    const key = /^\/containerLogs\/(.+)$/.exec(url.pathname)?.[1] ?? '';
    const log = this.#logs.get(key);
    if (!log || url.searchParams.get('previous') === 'true') {
      response.writeHead(404).end('no such log\n');
      return;
    }
    response.writeHead(200, {'content-type': 'text/plain'});
    response.flushHeaders();
    const since = Date.parse(url.searchParams.get('sinceTime') ?? '1970-01-01T00:00:00Z');
    for (const {timeMs, text} of log) if (timeMs >= since) response.write(`${text}\n`);
    if (url.searchParams.get('follow') !== 'true') {
      response.end();
      return;
    }
    const follower = {key, response};
    this.#followers.add(follower);
    response.once('close', () => this.#followers.delete(follower));
  }
}
