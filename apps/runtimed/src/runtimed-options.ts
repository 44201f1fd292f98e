import {
  ARTIFACTS_CREDENTIALS_DIRECTORY,
  ARTIFACTS_DIRECTORY,
  type ArtifactStoreSpec,
  SPOOL_DIRECTORY,
} from '@kruntimes/api-types';
import {parseBindAddress} from '@kruntimes/reconciler-kit';
import {type Endpoint, parseEndpoint} from '@kruntimes/runtime-protocol';
import {type Command, InvalidArgumentError} from 'commander';
import {describeError} from './errors.ts';
import {addGitOptions, type GitOptions} from './git/git-options.ts';
import type {Resources} from './slots.ts';

/** Flags of runtimed beside those of every server app. */
export interface RuntimedOptions extends GitOptions {
  runtimeName: string;
  runtimeEndpoint: Endpoint[];
  workspaceRoot: string;
  capacity: Resources;
  runningStatusDelayMs: number;
  leaseRenewSeconds: number;
  unreachableSeconds: number;
  drainBindAddress: string;
  artifactStore?: ArtifactStoreSpec;
  artifactsDirectory: string;
  artifactsCredentials: string;
  spoolDirectory: string;
}

/** Adds the flags to a command. */
export function addRuntimedOptions(command: Command): void {
  addGitOptions(command);
  command
    .requiredOption('--runtime-name <name>', 'name of the Runtime that this Pod belongs to')
    .option(
      '--runtime-endpoint <endpoint>',
      'where the Runtime server may listen, unix:///path or host:port; may be repeated, all are tried in turn (default: unix:///run/kruntimes/runtime.sock)',
      collectEndpoint,
    )
    .option('--workspace-root <directory>', 'directory in which each attempt gets its workspace', '/workspace')
    .option('--capacity <json>', 'logical units that Runs may occupy at the same time', parseCapacity, {runs: 1})
    .option('--running-status-delay-ms <ms>', 'a Run that is over sooner gets no Running write', integer(0), 250)
    .option('--lease-renew-seconds <seconds>', 'time between renewals of the Lease of this Pod', integer(1), 10)
    .option(
      '--unreachable-seconds <seconds>',
      'when an observer takes the Runs away from a Pod whose Lease is not renewed; this Pod ends them 60 s before',
      integer(61),
      300,
    )
    .option(
      '--drain-bind-address <address>',
      'where to serve /drain to the preStop hook of the container runtime; 0 turns it off',
      bindAddress,
      '0',
    )
    .option(
      '--artifact-store <json>',
      'spec.artifactStore of the Runtime (default: artifacts are not stored)',
      parseStore,
    )
    .option('--artifacts-directory <directory>', 'where the volume of a filesystem store is', ARTIFACTS_DIRECTORY)
    .option(
      '--artifacts-credentials <directory>',
      'where the Secret of an S3 store is',
      ARTIFACTS_CREDENTIALS_DIRECTORY,
    )
    .option(
      '--spool-directory <directory>',
      'where logs and archives wait to be stored; must be out of reach of programs, and outlive this process',
      SPOOL_DIRECTORY,
    );
}

/** How long a Pod may go on without renewing its Lease, so that its Runs are over when they are taken from it. */
export function leaseExpiryMs(unreachableSeconds: number): number {
  return (unreachableSeconds - 60) * 1000;
}

function bindAddress(text: string): string {
  try {
    parseBindAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
  return text;
}

function collectEndpoint(text: string, previous: Endpoint[] | undefined): Endpoint[] {
  try {
    return [...(previous ?? []), parseEndpoint(text)];
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
}

function parseCapacity(text: string): Resources {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It must be JSON such as {"runs":4}.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError('It must be a JSON object such as {"runs":4}.');
  }
  for (const units of Object.values(value)) {
    if (!Number.isSafeInteger(units) || units < 0) throw new InvalidArgumentError('Units must be whole numbers.');
  }
  return {runs: 1, ...value};
}

function parseStore(text: string): ArtifactStoreSpec {
  const value: unknown = parseJson(text);
  const isStore = (store: unknown): store is ArtifactStoreSpec =>
    typeof store === 'object' && store !== null && 'filesystem' in store !== 's3' in store;
  if (!isStore(value)) throw new InvalidArgumentError('It must be an object with either filesystem or s3.');
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It must be JSON.');
  }
}

function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    }
    return value;
  };
}
