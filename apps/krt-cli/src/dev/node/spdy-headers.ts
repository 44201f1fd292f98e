import {createDeflate, createInflate, constants as zlib} from 'node:zlib';

/** What both ends know of headers beforehand: appendix of the SPDY/3 draft. */
const words =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie ' +
  'keep-alive origin';
const tail =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized' +
  '403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable' +
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,' +
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

const dictionary = Buffer.concat([
  ...words.split(' ').map((word) => encodeString(word.replace('_', ' '))),
  Buffer.from(tail),
]);

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Packs and unpacks the header blocks of one SPDY connection, in order: each block builds on those before. */
export class SpdyHeaders {
  readonly #deflate = createDeflate({dictionary, flush: zlib.Z_SYNC_FLUSH});
  readonly #inflate = createInflate({dictionary});

  async pack(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const entries = Object.entries(headers);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(entries.length);
    return await through(this.#deflate, Buffer.concat([count, ...entries.flat().map(encodeString)]));
  }

  async unpack(block: Buffer): Promise<Record<string, string>> {
    const bytes = await through(this.#inflate, block);
    const headers: Record<string, string> = {};
    let at = 0;
    const readString = (): string => {
      const length = bytes.readUInt32BE(at);
      const end = at + 4 + length;
      const text = bytes.toString('utf8', at + 4, end);
      at = end;
      return text;
    };
    const count = bytes.readUInt32BE(0);
    at = 4;
    for (let i = 0; i < count; i++) {
      const name = readString();
      headers[name] = readString();
    }
    return headers;
  }
}

async function through(
  stream: ReturnType<typeof createDeflate | typeof createInflate>,
  input: Buffer,
): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.write(input, () => {
      stream.off('error', reject);
      resolve((stream.read() as Buffer | null) ?? Buffer.alloc(0));
    });
  });
}
