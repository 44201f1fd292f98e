import {expect, test} from '@jest/globals';
import {SpdyHeaders} from './spdy-headers.ts';

test('unpacks what the other end packed, block after block', async () => {
  const [here, there] = [new SpdyHeaders(), new SpdyHeaders()];
  const blocks = [
    {streamtype: 'error', port: '80', requestid: '0'},
    {streamtype: 'data', port: '80', requestid: '0'},
    {},
  ];
  for (const headers of blocks) expect(await there.unpack(await here.pack(headers))).toEqual(headers);
});

test('a block that is none is refused', async () => {
  await expect(new SpdyHeaders().unpack(Buffer.from('no block'))).rejects.toThrow();
});
