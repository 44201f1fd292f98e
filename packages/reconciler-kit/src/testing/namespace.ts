import type {Client} from '../client.ts';
import {kinds} from '../kind.ts';

/**
 * Makes a namespace with a generated name and its ServiceAccount `default`, which Pods need and which no controller
 * makes on a bare API server.
 */
export async function createNamespace(client: Client): Promise<string> {
  const namespace = await client.kind(kinds.Namespace).create({metadata: {generateName: 'test-'}});
  const name = namespace.metadata?.name ?? '';
  await client.kind(kinds.ServiceAccount).create({metadata: {name: 'default', namespace: name}});
  return name;
}
