// Stands in for the maintainer of an artifact store: serves what its environment says, with the faults that the names ask for.
import {createHash} from 'node:crypto';
import {createServer} from 'node:http';
import {parseArgs} from 'node:util';

const {values} = parseArgs({options: {'download-bind-address': {type: 'string'}}});
const [host, port] = (values['download-bind-address'] ?? '').split(':');
/** Name to content: text, or how many bytes. */
const artifacts = JSON.parse(process.env.ARTIFACTS ?? '{}');
const asked = new Map();

const contentOf = (name) => {
  const content = artifacts[name];
  return typeof content === 'number' ? Buffer.alloc(content, name) : Buffer.from(content, 'base64');
};

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const match = /^\/v1\/runs\/([^/]+)\/artifacts\/([^/]+)$/.exec(url.pathname);
  const attempt = url.searchParams.get('attempt');
  const name = decodeURIComponent(match?.[2] ?? '') + (attempt === null ? '' : `@${attempt}`);
  const fail = (status, code, message) =>
    response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify({code, message}));
  const count = (asked.get(name) ?? 0) + 1;
  asked.set(name, count);
  console.log(JSON.stringify({name, range: request.headers.range, ifRange: request.headers['if-range']}));
  if (match?.[1] !== process.env.RUN_UID || !(name in artifacts)) return fail(404, 'NOT_FOUND', `no object ${name}`);
  if (name.startsWith('busy') && count === 1) return fail(503, 'UNAVAILABLE', 'the bucket is away');
  const content = contentOf(name);
  const etag = `"sha256:${createHash('sha256').update(content).digest('hex')}"`;
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const sent = content.subarray(from);
  const headers = {etag, 'content-length': sent.length, 'accept-ranges': 'bytes'};
  if (from > 0) headers['content-range'] = `bytes ${from}-${content.length - 1}/${content.length}`;
  response.writeHead(from > 0 ? 206 : 200, headers);
  if (name.startsWith('wrong')) return response.end(Buffer.alloc(sent.length));
  // A connection that breaks in the middle, twice.
  if (name.startsWith('cut') && count < 3) {
    return response.write(sent.subarray(0, 300_000), () => response.destroy());
  }
  // One that breaks and never comes back.
  if (name.startsWith('half') && !process.env.WHOLE) {
    return response.write(sent.subarray(0, from === 0 ? 100_000 : 0), () => response.destroy());
  }
  return response.end(sent);
}).listen(Number(port), host);
