import {readFileSync} from 'node:fs';

let version: string | undefined;

/** The version of this package. Its package.json is one folder up from the sources and from the bundle alike. */
export function clientVersion(): string {
  version ??= (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {version: string})
    .version;
  return version;
}
