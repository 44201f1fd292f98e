import {
  type ControllerName,
  controllerNames,
  defaultControllers,
  selectControllers,
} from '../controllers/controller-names.ts';
import {type NodeAddressType, nodeAddressTypes} from '../kubelet/kubelet-address.ts';

/** Where objects are kept. */
export type StorageChoice = {kind: 'memory'} | {kind: 'sqlite'; path: string; synchronous: 'FULL' | 'NORMAL'};

/** What the program was told. Files are paths. */
export interface ProgramOptions {
  host: string;
  port: number;
  tlsCertFile: string;
  tlsKeyFile: string;
  clientCaFile: string | undefined;
  tokenFile: string | undefined;
  anonymous: boolean;
  serviceAccountIssuers: readonly [string, ...string[]];
  serviceAccountKeyFiles: readonly string[];
  serviceAccountSigningKeyFile: string | undefined;
  apiAudiences: readonly string[];
  auditLogPath: string | undefined;
  kubeletCertFile: string | undefined;
  kubeletKeyFile: string | undefined;
  kubeletCaFile: string | undefined;
  kubeletAddressTypes: readonly NodeAddressType[];
  storage: StorageChoice;
  watchList: boolean;
  /** Those that run. */
  controllers: readonly ControllerName[];
  rootCaFile: string | undefined;
}

/** What is wrong with the command line: for its author. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

type Values = ReadonlyMap<string, readonly string[]>;

/** Every flag, with what it means: the rest is refused. */
export const flags: Readonly<Record<string, string>> = {
  'bind-address': 'address to listen on; default 127.0.0.1',
  'secure-port': 'port to listen on, 0 for any; default 6443',
  'tls-cert-file': 'certificate of the server, PEM; required',
  'tls-private-key-file': 'its key, PEM; required',
  'client-ca-file': 'authority of client certificates, PEM',
  'token-auth-file': 'bearer tokens: lines of token,user,uid,"group,group"',
  'anonymous-auth': 'whether requests without credentials are those of system:anonymous; default true',
  'authorization-mode': 'RBAC is the only one',
  'service-account-issuer':
    'issuer of ServiceAccount tokens; may come several times, the first one is that of new tokens',
  'service-account-key-file': 'key that verifies ServiceAccount tokens, PEM; may come several times',
  'service-account-signing-key-file': 'key that signs ServiceAccount tokens, PEM; default: a new one',
  'api-audiences': 'names of this server in tokens; default: the issuers',
  'audit-log-path': 'file of the audit log; default: none',
  'kubelet-client-certificate': 'certificate for kubelets, PEM',
  'kubelet-client-key': 'its key, PEM',
  'kubelet-certificate-authority': 'authority of the certificates of kubelets, PEM',
  'kubelet-preferred-address-types': 'kinds of addresses of Nodes, the best one first',
  'feature-gates': 'WatchList=false is the only one',
  controllers: `which controllers run, of ${controllerNames.join(', ')}: *, name, -name; default *,-deployment`,
  'root-ca-file': 'authority for the ConfigMap kube-root-ca.crt of each namespace, PEM; default: there is none',
  storage: 'memory (default) or sqlite:PATH',
  'sqlite-synchronous':
    'FULL (default): what was acknowledged outlives a power failure; NORMAL: it outlives the process',
};

const repeatable = new Set(['controllers', 'service-account-issuer', 'service-account-key-file', 'api-audiences']);

/** @throws FlagError that names the flag */
export function parseFlags(args: readonly string[]): ProgramOptions {
  const values = readFlags(args);
  const last = (name: string): string | undefined => values.get(name)?.at(-1);
  const mode = last('authorization-mode') ?? 'RBAC';
  if (mode !== 'RBAC') throw new FlagError(`--authorization-mode=${mode} is not supported: RBAC is the only mode`);
  const [issuer = 'https://kubernetes.default.svc', ...others] = values.get('service-account-issuer') ?? [];
  const issuers: [string, ...string[]] = [issuer, ...others];
  return {
    host: last('bind-address') ?? '127.0.0.1',
    port: portOf(last('secure-port') ?? '6443'),
    tlsCertFile: required(values, 'tls-cert-file'),
    tlsKeyFile: required(values, 'tls-private-key-file'),
    clientCaFile: last('client-ca-file'),
    tokenFile: last('token-auth-file'),
    anonymous: booleanOf('anonymous-auth', last('anonymous-auth') ?? 'true'),
    serviceAccountIssuers: issuers,
    serviceAccountKeyFiles: values.get('service-account-key-file') ?? [],
    serviceAccountSigningKeyFile: last('service-account-signing-key-file'),
    apiAudiences: values.get('api-audiences')?.flatMap((list) => list.split(',')) ?? issuers,
    auditLogPath: last('audit-log-path'),
    kubeletCertFile: last('kubelet-client-certificate'),
    kubeletKeyFile: together(values, 'kubelet-client-key', 'kubelet-client-certificate'),
    kubeletCaFile: last('kubelet-certificate-authority'),
    kubeletAddressTypes: addressTypesOf(last('kubelet-preferred-address-types')),
    storage: storageOf(last('storage') ?? 'memory', last('sqlite-synchronous')),
    watchList: watchListOf(last('feature-gates')),
    controllers: controllersOf(values.get('controllers')),
    rootCaFile: last('root-ca-file'),
  };
}

function readFlags(args: readonly string[]): Values {
  const values = new Map<string, string[]>();
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    const [, name, given] = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined) throw new FlagError(`${JSON.stringify(argument)} is no flag`);
    if (!Object.hasOwn(flags, name)) throw new FlagError(`unknown flag: --${name}`);
    const value = given ?? args[++index];
    if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`);
    const present = values.get(name);
    if (present && repeatable.has(name)) present.push(value);
    else values.set(name, [value]);
  }
  return values;
}

function required(values: Values, name: string): string {
  const value = values.get(name)?.at(-1);
  if (value === undefined) throw new FlagError(`required flag is missing: --${name}`);
  return value;
}

/** Both or none of a certificate and its key. */
function together(values: Values, key: string, certificate: string): string | undefined {
  const value = values.get(key)?.at(-1);
  if ((value === undefined) !== !values.has(certificate)) {
    throw new FlagError(`--${certificate} and --${key} must come together`);
  }
  return value;
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new FlagError(`--secure-port=${text}: must be a number from 0 to 65535`);
}

function booleanOf(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new FlagError(`--${name}=${text}: must be true or false`);
}

function addressTypesOf(text: string | undefined): readonly NodeAddressType[] {
  if (text === undefined) return nodeAddressTypes;
  return text.split(',').map((each) => {
    const type = nodeAddressTypes.find((known) => known === each);
    if (type) return type;
    throw new FlagError(
      `--kubelet-preferred-address-types: ${JSON.stringify(each)} is not one of ${nodeAddressTypes.join(', ')}`,
    );
  });
}

function storageOf(text: string, synchronous: string | undefined): StorageChoice {
  if (synchronous !== undefined && synchronous !== 'FULL' && synchronous !== 'NORMAL') {
    throw new FlagError(`--sqlite-synchronous=${synchronous}: must be FULL or NORMAL`);
  }
  if (text === 'memory') return {kind: 'memory'};
  const path = text.startsWith('sqlite:') ? text.slice('sqlite:'.length) : '';
  if (path === '') throw new FlagError(`--storage=${text}: must be memory or sqlite:PATH`);
  return {kind: 'sqlite', path, synchronous: synchronous ?? 'FULL'};
}

function watchListOf(text: string | undefined): boolean {
  if (text === undefined || text === '') return true;
  let watchList = true;
  for (const gate of text.split(',')) {
    const [name, value = ''] = gate.split('=');
    if (name !== 'WatchList') throw new FlagError(`--feature-gates: unrecognized feature gate: ${name}`);
    watchList = booleanOf('feature-gates=WatchList', value);
  }
  return watchList;
}

function controllersOf(lists: readonly string[] | undefined): readonly ControllerName[] {
  if (lists === undefined) return [...defaultControllers];
  try {
    const names = lists.flatMap((list) => list.split(',')).filter((name) => name !== '');
    return [...selectControllers(names)];
  } catch (error) {
    throw new FlagError(`--controllers: ${(error as Error).message}`);
  }
}
