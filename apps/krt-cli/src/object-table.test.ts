import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {expect, test} from '@jest/globals';
import {runKind} from '@kruntimes/api-types';
import {Client, Transport} from '@kruntimes/reconciler-kit';
import {Connection} from './connection.ts';
import {listTables} from './object-table.ts';

test('a name is listed, so that a watch begins where the server is and not where the object last changed', async () => {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({kind: 'Table', metadata: {resourceVersion: '99'}, rows: []}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const {port} = server.address() as AddressInfo;
    await using transport = new Transport({server: `http://127.0.0.1:${port}`, namespace: 'team'});
    const tables = listTables(new Connection(new Client(transport)), runKind, {namespace: 'team', name: 'hello'});
    for await (const table of tables) expect(table.metadata?.resourceVersion).toBe('99');
    expect(requests).toEqual([
      '/apis/kruntimes.io/v1alpha1/namespaces/team/runs?fieldSelector=metadata.name%3Dhello&limit=500',
    ]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
