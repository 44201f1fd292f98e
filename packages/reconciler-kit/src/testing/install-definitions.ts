import type {CustomResourceDefinition} from 'kubernetes-types/apiextensions/v1.d.ts';
import type {Client} from '../client.ts';
import {kinds} from '../kind.ts';
import {waitForObject} from './wait-for.ts';

/** Applies CustomResourceDefinitions, as tests that run beside each other may do, and waits until they are established. */
export async function installDefinitions(
  client: Client,
  definitions: readonly CustomResourceDefinition[],
): Promise<void> {
  const stored = client.kind(kinds.CustomResourceDefinition);
  for (const definition of definitions) {
    await stored.apply(definition, {fieldManager: 'tests', force: true});
    const name = definition.metadata?.name ?? '';
    const established = ({status}: CustomResourceDefinition): boolean =>
      (status?.conditions ?? []).some(({type, status: is}) => type === 'Established' && is === 'True');
    await waitForObject(stored, {name}, established, {timeoutMs: 60_000, description: `${name} established`});
  }
}
