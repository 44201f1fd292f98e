import type {Value} from './values-file.ts';

const START = '<!-- values: generated from values.yaml -->';
const END = '<!-- end of values -->';

/** A README with the present table of values between its two marks. @throws when it has no marks */
export function withValuesTable(readme: string, values: readonly Value[]): string {
  const [start, end] = [readme.indexOf(START), readme.indexOf(END)];
  if (start === -1 || end < start) throw new Error(`the README needs the lines "${START}" and "${END}"`);
  const table = ['| value | default | meaning |', '| --- | --- | --- |', ...rows(values, '')].join('\n');
  return `${readme.slice(0, start + START.length)}\n\n${table}\n\n${readme.slice(end)}`;
}

function rows(values: readonly Value[], parent: string): string[] {
  return values.flatMap((value) => {
    const path = parent + value.name;
    const text = value.description.replaceAll('|', '\\|');
    if (value.children === undefined) {
      const shown = JSON.stringify(value.default).replaceAll('|', '\\|');
      return [`| \`${path}\` | \`${shown}\` | ${text} |`];
    }
    const inside = rows(value.children, `${path}.`);
    return text === '' ? inside : [`| \`${path}\` | | ${text} |`, ...inside];
  });
}
