import {once} from 'node:events';
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {text} from 'node:stream/consumers';
import {createSqliteStorage} from '../storage/sqlite-storage.ts';
import {StorageError} from '../storage/storage.ts';
import {colorOf, openCache} from './cache.fixture.ts';
import type {CacheWrite, ResourceCache} from './resource-cache.ts';
import {watchEventLine} from './watch-event.ts';

/**
 * A program that serves a cache on a SQLite storage, so that it can be killed. Argument: path of the database. It prints its port, and
 * ends when its stdin does.
 *
 * `POST /` writes (the body is a {@link CacheWrite}), `GET /KEY` reads, `GET /?prefix=&after=` watches.
 */
const cache = await openCache(createSqliteStorage({path: process.argv[2] ?? ''}));
const server = createServer((request, response) => {
  answer(cache, request, response).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdin.on('end', () => process.exit()).resume();
console.log((server.address() as AddressInfo).port);

async function answer(from: ResourceCache, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const {pathname, searchParams} = new URL(request.url ?? '/', 'http://localhost');
  if (request.method === 'POST') {
    const write = JSON.parse(await text(request)) as CacheWrite;
    try {
      const {revision} = (await from.write(write))!;
      response.end(JSON.stringify({revision}));
    } catch (error) {
      if (!(error instanceof StorageError && error.code === 'CONFLICT')) throw error;
      response.end(JSON.stringify({conflict: error.current?.revision ?? 0}));
    }
  } else if (pathname !== '/') {
    const object = from.get(pathname.slice(1));
    response.end(
      JSON.stringify(object === undefined ? {revision: 0} : {revision: object.revision, color: colorOf(object)}),
    );
  } else await stream(from, searchParams, response);
}

async function stream(from: ResourceCache, parameters: URLSearchParams, response: ServerResponse): Promise<void> {
  const after = parameters.get('after');
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  const watch = from.watch({
    prefix: parameters.get('prefix') ?? '',
    after: after === null ? undefined : Number(after),
    bookmarks: true,
    sendInitialEvents: after === null,
    signal: controller.signal,
  });
  watch.closed.addEventListener('abort', () => response.destroy());
  for (;;) {
    const events = await watch.next();
    if (events.length === 0) return;
    const lines = events.map((event) => watchEventLine(event, {apiVersion: 'v1', kind: 'Pod'})).join('');
    if (!response.write(lines)) await once(response, 'drain', {signal: controller.signal}).catch(() => {});
  }
}
