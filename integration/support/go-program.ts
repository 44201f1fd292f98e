import {command} from '@kruntimes/command';

/**
 * Builds a program of a Go module. Go remembers what it compiled: the first time takes a minute or two, later ones seconds.
 *
 * @param module folder with go.mod and go.sum
 * @param target path of the program
 * @throws when there is no Go, or it cannot build the program
 */
export async function buildGoProgram(module: string, target: string, packagePath = '.'): Promise<void> {
  const {code, stderr} = await command(
    'go',
    // Stamping asks git, which may not trust the folder.
    ['build', '-buildvcs=false', '-trimpath', '-ldflags', '-s -w', '-o', target, packagePath],
    {cwd: module, env: {...process.env, CGO_ENABLED: '0', GOWORK: 'off'}, timeoutMs: 900_000},
  ).catch((cause: Error) => {
    throw new Error(`The suites against clients written in Go need go on PATH: ${cause.message}`, {cause});
  });
  if (code !== 0) throw new Error(`go build of ${packagePath} in ${module} failed: ${stderr.slice(-2_000)}`);
}
