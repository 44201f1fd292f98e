import type {JsonObject} from './json/json-value.ts';

/** The Kubernetes release whose API this server has, for clients that ask before they use what came with a release. */
const MINOR = 36;
const PATCH = 3;

/** The answer to `/version`. */
export function serverVersion(): JsonObject {
  return {
    major: '1',
    minor: String(MINOR),
    emulationMajor: '1',
    emulationMinor: String(MINOR),
    minCompatibilityMajor: '1',
    minCompatibilityMinor: String(MINOR - 1),
    gitVersion: `v1.${MINOR}.${PATCH}+kruntimes`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: `${process.platform}/${process.arch}`,
  };
}
