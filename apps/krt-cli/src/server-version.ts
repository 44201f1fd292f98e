import {GROUP} from '@kruntimes/api-types';
import {isNotFound} from '@kruntimes/reconciler-kit';
import {type CallContext, withConnection} from './command-context.ts';
import type {ServerVersion, VersionFlags} from './commands/version.ts';

/** Apart from `krt version` itself, so that `--client` loads no client. */
export async function askServerVersion(context: CallContext, flags: VersionFlags): Promise<ServerVersion> {
  return await withConnection(context, flags, async ({client}) => {
    const get = async <T>(path: string): Promise<T> => await client.transport.request<T>({method: 'GET', path});
    const [version, group] = await Promise.all([
      get<{gitVersion?: string}>('/version'),
      get<{versions?: {version: string}[]}>(`/apis/${GROUP}`).catch((error: unknown) => {
        if (isNotFound(error)) return {versions: []};
        throw error;
      }),
    ]);
    return {kubernetes: version.gitVersion ?? 'unknown', kruntimes: (group.versions ?? []).map((each) => each.version)};
  });
}
