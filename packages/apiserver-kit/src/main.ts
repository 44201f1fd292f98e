#!/usr/bin/env node
/**
 * The program `kruntimes-apiserver`: a Kubernetes API server in one process, started with the flags of kube-apiserver.
 *
 * @example
 * ```sh
 * kruntimes-apiserver --secure-port=6443 --tls-cert-file=server.crt --tls-private-key-file=server.key \
 *   --token-auth-file=tokens.csv --storage=sqlite:cluster.db
 * ```
 *
 * @module
 */
import {readFile} from 'node:fs/promises';
import {FlagError, flags, type ProgramOptions, parseFlags} from './program/flags.ts';
import {saveMemory} from './program/save-memory.ts';
import {type ServerOptions, startServer} from './start-server.ts';
import {createMemoryStorage} from './storage/memory-storage.ts';
import {createSqliteStorage} from './storage/sqlite-storage.ts';
import type {Storage} from './storage/storage.ts';

const HELP = ['-h', '--help'];

async function main(args: readonly string[]): Promise<void> {
  if (args.some((argument) => HELP.includes(argument))) {
    const lines = Object.entries(flags).map(([name, meaning]) => `  --${name}\n        ${meaning}`);
    process.stdout.write(`kruntimes-apiserver [flags]\n\n${lines.join('\n')}\n`);
    return;
  }
  const options = parseFlags(args);
  saveMemory();
  const server = await startServer(await serverOptions(options));
  process.stdout.write(`kruntimes-apiserver serves on ${server.url}\n`);
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Who asks twice does not want to wait.
      if (stopping) process.exit(1);
      stopping = true;
      void server.close().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    });
  }
}

async function serverOptions(options: ProgramOptions): Promise<ServerOptions> {
  const text = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : await readFile(path, 'utf8');
  const [cert, key, clientCa, tokens, signingKey, rootCa] = await Promise.all(
    [
      options.tlsCertFile,
      options.tlsKeyFile,
      options.clientCaFile,
      options.tokenFile,
      options.serviceAccountSigningKeyFile,
      options.rootCaFile,
    ].map(text),
  );
  const [certificate, kubeletKey, authority] = await Promise.all(
    [options.kubeletCertFile, options.kubeletKeyFile, options.kubeletCaFile].map(text),
  );
  const verificationKeys = await Promise.all(
    options.serviceAccountKeyFiles.map(async (path) => await readFile(path, 'utf8')),
  );
  const {host, port, anonymous, auditLogPath, watchList, serviceAccountIssuers, apiAudiences} = options;
  return {
    storage: storageOf(options),
    host,
    port,
    tls: {cert: cert ?? '', key: key ?? '', ...(clientCa !== undefined && {clientCa})},
    ...(tokens !== undefined && {tokens}),
    anonymous,
    serviceAccounts: {
      issuers: serviceAccountIssuers,
      audiences: apiAudiences,
      ...(signingKey !== undefined && {signingKey}),
      ...(verificationKeys.length > 0 && {verificationKeys}),
    },
    ...(auditLogPath !== undefined && {auditLogPath}),
    kubelets: {
      ...(certificate !== undefined && {certificate}),
      ...(kubeletKey !== undefined && {key: kubeletKey}),
      ...(authority !== undefined && {authority}),
      addressTypes: options.kubeletAddressTypes,
    },
    watchList,
    controllers: options.controllers,
    ...(rootCa !== undefined && {rootCa}),
    onError: report,
  };
}

function storageOf({storage}: ProgramOptions): Storage {
  if (storage.kind === 'memory') return createMemoryStorage();
  return createSqliteStorage({path: storage.path, synchronous: storage.synchronous});
}

function report(error: unknown): void {
  process.stderr.write(
    `kruntimes-apiserver: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
}

function fail(error: unknown): void {
  if (error instanceof FlagError) process.stderr.write(`kruntimes-apiserver: ${error.message}\n`);
  else if (isAddressInUse(error)) process.stderr.write(`kruntimes-apiserver: ${error.message}\n`);
  else report(error);
  process.exit(1);
}

function isAddressInUse(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

await main(process.argv.slice(2)).catch(fail);
