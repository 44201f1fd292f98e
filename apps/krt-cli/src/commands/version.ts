import {API_VERSION, GROUP} from '@kruntimes/api-types';
import type {CallContext} from '../command-context.ts';
import type {ConnectionFlags} from '../connection.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {formatObject, parseOutputFormat} from '../output-format.ts';
import {formatColumns} from '../table.ts';
import {write} from '../terminal.ts';
import {clientVersion} from '../version.ts';

export interface VersionFlags extends ConnectionFlags {
  client?: boolean | undefined;
  output?: string | undefined;
}

export interface ServerVersion {
  kubernetes: string;
  /** Served versions of kruntimes.io; empty where it is not installed. */
  kruntimes: string[];
}

interface VersionInfo {
  client: {version: string; node: string; platform: string; apiVersion: string};
  server?: ServerVersion;
}

/** `krt version` */
export async function printVersion(context: CallContext, flags: VersionFlags): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'json', 'yaml']);
  const info: VersionInfo = {
    client: {
      version: clientVersion(),
      node: process.versions.node,
      platform: `${process.platform}/${process.arch}`,
      apiVersion: API_VERSION,
    },
  };
  const print = async (): Promise<void> => {
    await write(
      context.terminal.stdout,
      format.kind === 'table' ? formatVersion(info) : await formatObject(format, info),
    );
  };
  if (flags.client) {
    await print();
    return exitCodes.ok;
  }
  // The client's version is known even where the cluster is not: print it before failing.
  try {
    const {askServerVersion} = await import('../server-version.ts');
    info.server = await askServerVersion(context, flags);
  } finally {
    await print();
  }
  return exitCodes.ok;
}

function formatVersion({client, server}: VersionInfo): string {
  const rows = [['Client:', `${client.version} (Node.js ${client.node}, ${client.platform})`]];
  if (server) {
    rows.push(['Server:', `Kubernetes ${server.kubernetes}`]);
    rows.push([
      'API:',
      server.kruntimes.length > 0
        ? server.kruntimes.map((each) => `${GROUP}/${each}`).join(', ')
        : 'kruntimes is not installed',
    ]);
  }
  return formatColumns(rows);
}
