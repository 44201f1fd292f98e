import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {bearerTokens, firstToken} from './bearer-token.ts';
import {parseCsv} from './csv.ts';
import {tokenFile} from './token-file.ts';

const audiences = ['api'];
const read = (text: string) => tokenFile(text, {audiences});

describe('parseCsv', () => {
  test('reads back what was written', () => {
    const field = fc.string({unit: fc.constantFrom('a', ',', '"', '\n', ' ', '#', 'é')});
    fc.assert(
      fc.property(fc.array(fc.array(field, {minLength: 2, maxLength: 5}), {maxLength: 5}), (rows) => {
        const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
        const text = rows.map((row) => `${row.map(quote).join(',')}\n`).join('');
        expect(parseCsv(text).map(({fields}) => fields)).toEqual(rows);
      }),
    );
  });

  test('leaves out comments and empty lines, and counts them', () => {
    expect(parseCsv('# comment\n\na,b\r\n"c\nd",e\nf,g')).toEqual([
      {fields: ['a', 'b'], line: 3},
      {fields: ['c\nd', 'e'], line: 4},
      {fields: ['f', 'g'], line: 6},
    ]);
  });

  test.each(['a,"b', 'a,"b"c'])('refuses %j', (text) => {
    expect(() => parseCsv(text)).toThrow('line 1');
  });
});

describe('tokenFile', () => {
  test('knows users, their UIDs and groups', async () => {
    const authenticate = read('t1,alice,u1,"devs,admins"\nt2,bob,\nt3,"carol, c",u3,devs\n');
    expect(await authenticate('t1', audiences)).toEqual({
      user: {username: 'alice', uid: 'u1', groups: ['devs', 'admins']},
      audiences,
    });
    expect((await authenticate('t2', audiences))?.user).toEqual({username: 'bob', groups: []});
    expect((await authenticate('t3', audiences))?.user.username).toBe('carol, c');
    expect(await authenticate('t4', audiences)).toBeUndefined();
    expect(await authenticate('', audiences)).toBeUndefined();
  });

  test('is good for the names of this server only', async () => {
    const authenticate = read('t1,alice,u1');
    expect(await authenticate('t1', ['other'])).toBeUndefined();
    expect((await authenticate('t1', ['other', 'api']))?.audiences).toEqual(['api']);
  });

  test.each([
    ['t1,alice', 'line 1: there must be at least 3 columns'],
    ['t1,alice,u\n,bob,u', 'line 2: the token is empty'],
  ])('refuses %j', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});

describe('bearerTokens', () => {
  const authenticate = bearerTokens(
    firstToken([
      read('t1,alice,u1'),
      async (token) => {
        if (token === 'expired') throw new Error('it has expired');
        return undefined;
      },
    ]),
    audiences,
  );
  const asks = async (headers: Record<string, string>) => await authenticate({headers});

  test('reads the header, and the protocol of WebSockets', async () => {
    expect(await asks({authorization: 'Bearer t1'})).toMatchObject({username: 'alice'});
    expect(await asks({authorization: ' bearer t1 '})).toMatchObject({username: 'alice'});
    const protocol = `v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.${Buffer.from('t1').toString('base64url')}`;
    expect(await asks({'sec-websocket-protocol': protocol})).toMatchObject({username: 'alice'});
  });

  test('has no opinion where there is no token', async () => {
    expect(await asks({})).toBeUndefined();
    expect(await asks({authorization: 'Basic dDE6'})).toBeUndefined();
    expect(await asks({authorization: 'Bearer'})).toBeUndefined();
  });

  test.each(['t2', 'expired'])('refuses the token %j, and does not say why', async (token) => {
    await expect(asks({authorization: `Bearer ${token}`})).rejects.toMatchObject({code: 401, message: 'Unauthorized'});
  });
});
