import {defaultUsername, type GitAccess} from './git-credentials.ts';
import type {GitUrl} from './git-url.ts';

/** Configuration of every git that is started, on top of git's own defaults: no file of any user or system is read. */
const configuration: readonly (readonly [string, string])[] = [
  // Nothing of a repository, and nothing of this machine, is executed.
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.askPass', ''],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['credential.helper', ''],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['protocol.version', '2'],
  // A redirect would carry credentials to whom they are not meant for.
  ['http.followRedirects', 'false'],
  ['http.sslVerify', 'true'],
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
  // One file per fetch: its size is what is bounded.
  ['fetch.unpackLimit', '1'],
  ['fetch.writeCommitGraph', 'false'],
  // Little memory rather than a little more speed: the sidecar is small.
  ['pack.threads', '1'],
  ['pack.windowMemory', '32m'],
  ['core.packedGitLimit', '256m'],
  ['core.packedGitWindowSize', '16m'],
  ['core.deltaBaseCacheLimit', '32m'],
  ['core.bigFileThreshold', '8m'],
];

/** Where git finds programs, and nothing else of the environment of runtimed. */
function baseEnvironment(path: string | undefined): Record<string, string> {
  return {
    PATH: path ?? '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    HOME: '/nonexistent',
    XDG_CONFIG_HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_FLUSH: '0',
  };
}

/** Environment of a git that works on this machine only. */
export function localEnvironment(gitDirectory: string, path = process.env['PATH']): Record<string, string> {
  return {
    ...baseEnvironment(path),
    ...configurationVariables([...configuration, ['protocol.allow', 'never']]),
    GIT_DIR: gitDirectory,
    GIT_ALLOW_PROTOCOL: 'none',
  };
}

/** Environment of a git that talks to the server of `url`, and to no other. */
export function remoteEnvironment(
  gitDirectory: string,
  url: GitUrl,
  access: GitAccess,
  path = process.env['PATH'],
): Record<string, string> {
  const {caFile, basic, ssh} = access;
  const settings: (readonly [string, string])[] = [...configuration];
  if (caFile !== undefined) settings.push(['http.sslCAInfo', caFile]);
  // For this server only, whatever it answers.
  if (basic !== undefined) settings.push([`credential.${url.origin}.helper`, credentialHelper(basic)]);
  return {
    ...baseEnvironment(path),
    ...configurationVariables(settings),
    GIT_DIR: gitDirectory,
    GIT_ALLOW_PROTOCOL: url.protocol,
    ...(ssh === undefined ? {} : {GIT_SSH_COMMAND: sshCommand(ssh), GIT_SSH_VARIANT: 'ssh'}),
  };
}

function configurationVariables(settings: readonly (readonly [string, string])[]): Record<string, string> {
  const variables: Record<string, string> = {GIT_CONFIG_COUNT: String(settings.length)};
  for (const [index, [key, value]] of settings.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = key;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
}

/** A credential helper that reads the mounted files. git asks it after the server has asked for credentials. */
function credentialHelper({usernameFile, passwordFile}: NonNullable<GitAccess['basic']>): string {
  const username = usernameFile === undefined ? defaultUsername : `"$(cat ${quoted(usernameFile)})"`;
  const answer = `printf 'username=%s\\npassword=%s\\n' ${username} "$(cat ${quoted(passwordFile)})"`;
  return `!f() { test "$1" = get || exit 0; ${answer}; }; f`;
}

/** ssh that knows no user: no configuration, agent or key of this machine, no host that the Secret does not name. */
function sshCommand({keyFile, knownHostsFile}: NonNullable<GitAccess['ssh']>): string {
  const options: readonly (readonly [string, string])[] = [
    ['IdentityFile', sshPath(keyFile)],
    ['IdentitiesOnly', 'yes'],
    ['IdentityAgent', 'none'],
    ['UserKnownHostsFile', sshPath(knownHostsFile)],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['StrictHostKeyChecking', 'yes'],
    ['UpdateHostKeys', 'no'],
    ['CheckHostIP', 'no'],
    ['VerifyHostKeyDNS', 'no'],
    ['BatchMode', 'yes'],
    ['PreferredAuthentications', 'publickey'],
    ['ClearAllForwardings', 'yes'],
    ['ControlMaster', 'no'],
    ['ControlPath', 'none'],
    ['ProxyCommand', 'none'],
    ['ConnectTimeout', '30'],
    ['ServerAliveInterval', '20'],
    ['ServerAliveCountMax', '3'],
    ['LogLevel', 'ERROR'],
  ];
  return ['ssh', '-F', '/dev/null', ...options.flatMap(([key, value]) => ['-o', quoted(`${key}=${value}`)])].join(' ');
}

/** One path for ssh, which splits at blanks and expands `%`. */
function sshPath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

/** For the shell in which git starts helpers. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
