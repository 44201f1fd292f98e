import {
  ARTIFACTS_CREDENTIALS_DIRECTORY,
  ARTIFACTS_DIRECTORY,
  type ArtifactStoreSpec,
  MAINTAINER_PORT,
} from '@kruntimes/api-types';
import {parseBindAddress} from '@kruntimes/reconciler-kit';
import {type Command, InvalidArgumentError} from 'commander';
import {describeError} from './errors.ts';

/** Flags of the maintainer beside those of every server app. */
export interface MaintainerOptions {
  artifactStore: ArtifactStoreSpec;
  artifactsDirectory: string;
  artifactsCredentials: string;
  downloadBindAddress: string;
  maxConcurrentDeletes: number;
}

/** Adds the flags to a command. */
export function addMaintainerOptions(command: Command): void {
  command
    .requiredOption('--artifact-store <json>', 'status.artifactStore of the Runs to look after', parseStore)
    .option('--artifacts-directory <directory>', 'where the volume of a filesystem store is', ARTIFACTS_DIRECTORY)
    .option(
      '--artifacts-credentials <directory>',
      'where the Secret of an S3 store is',
      ARTIFACTS_CREDENTIALS_DIRECTORY,
    )
    .option(
      '--download-bind-address <address>',
      'where to serve artifacts, to be reached by port-forward only; 0 turns it off',
      parseAddress,
      `127.0.0.1:${MAINTAINER_PORT}`,
    )
    .option('--max-concurrent-deletes <count>', 'Runs whose artifacts are deleted at the same time', parseCount, 8);
}

function parseStore(text: string): ArtifactStoreSpec {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && ('filesystem' in value || 's3' in value)) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema of the Run has checked the rest
      return value as ArtifactStoreSpec;
    }
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${describeError(error)}`);
  }
  throw new InvalidArgumentError('It must be a JSON object with filesystem or s3.');
}

function parseAddress(text: string): string {
  try {
    parseBindAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
  return text;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1.');
  }
  return value;
}
