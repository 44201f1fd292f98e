/**
 * Sends scenarios to kube-apiserver and to the embedded API server and prints how their answers differ.
 *
 * ```sh
 * node --conditions=development integration/differential/main.ts [OPTION...] [PATTERN]
 * ```
 *
 * `PATTERN`, a regular expression, chooses scenarios by name.
 */
import {readFile, writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {allowedDifferences, isAllowedBy} from './allowed-differences.ts';
import {compare, describeDifferences} from './compare.ts';
import {type NormalAnswer, normalise} from './normalise.ts';
import {scenarios} from './scenarios/index.ts';
import {startServer} from './servers.ts';
import {type ServerAccess, Session} from './session.ts';

const usage = `Options:
  --print           kube-apiserver's answers instead of differences
  --record FILE     keep kube-apiserver's answers in a file
  --recorded FILE   take them from there: kube-apiserver is not started
  --embedded FILE   JSON {server, ca, token} of a fresh server that runs; default: one is started
  --all             also differences that are allowed`;

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    print: {type: 'boolean', default: false},
    record: {type: 'string'},
    recorded: {type: 'string'},
    embedded: {type: 'string'},
    all: {type: 'boolean', default: false},
    help: {type: 'boolean', default: false},
  },
});
if (values.help) {
  console.log(usage);
  process.exit();
}
const pattern = new RegExp(positionals[0] ?? '');
const chosen = scenarios.filter(({name}) => pattern.test(name));

const kube = values.recorded === undefined ? await answersOf('kube') : await recorded(values.recorded);
if (values.record !== undefined) await writeFile(values.record, JSON.stringify(kube, null, 1));
if (values.print) printAnswers(kube);
else if (values.record === undefined) {
  const embedded = await answersOf('embedded', values.embedded);
  const differences = chosen.flatMap(({name}) => compare(name, kube[name] ?? [], embedded[name] ?? []));
  const shown = differences.filter(
    (difference) => values.all || !allowedDifferences.some((allowed) => isAllowedBy(difference, allowed)),
  );
  console.log(describeDifferences(shown));
  const bad = new Set(shown.map(({scenario}) => scenario));
  const steps = new Set(shown.map(({scenario, step}) => `${scenario} ${step}`));
  const count = chosen.reduce((sum, {name}) => sum + (kube[name]?.length ?? 0), 0);
  console.log(
    `${chosen.length} scenarios, ${count} requests: ${shown.length} differences in ${steps.size} requests of ${bad.size} scenarios`,
  );
  process.exitCode = shown.length > 0 ? 1 : 0;
}

async function recorded(path: string): Promise<Record<string, NormalAnswer[]>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, NormalAnswer[]>;
}

async function answersOf(flavour: 'kube' | 'embedded', running?: string): Promise<Record<string, NormalAnswer[]>> {
  if (running !== undefined) return await ask(JSON.parse(await readFile(running, 'utf8')) as ServerAccess);
  await using server = await startServer(flavour, {
    goModule: fileURLToPath(new URL('../../tools/kube', import.meta.url)),
  });
  return await ask(server.access);
}

async function ask(access: ServerAccess): Promise<Record<string, NormalAnswer[]>> {
  const session = new Session(access);
  const answers: Record<string, NormalAnswer[]> = {};
  for (const scenario of chosen) answers[scenario.name] = normalise(await session.run(scenario));
  session.close();
  return answers;
}

function printAnswers(answers: Record<string, NormalAnswer[]>): void {
  for (const {name} of chosen) {
    for (const [index, {request, status, headers, body, failure}] of (answers[name] ?? []).entries()) {
      const line = Object.entries(headers).map(([key, value]) => `  ${key}: ${value}`);
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      console.log(
        [`${name} #${index + 1} ${request}`, `  HTTP ${status} ${failure ?? ''}`, ...line, `  ${text}`].join('\n'),
      );
    }
  }
}
