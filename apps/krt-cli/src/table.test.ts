import {describe, expect, test} from '@jest/globals';
import {escapeControls, formatCell, formatColumns, type Table, TablePrinter} from './table.ts';

const columnDefinitions = [
  {name: 'Name', type: 'string'},
  {name: 'Phase', type: 'string'},
  {name: 'Exit', type: 'integer'},
  {name: 'Message', type: 'string', priority: 1},
];

function table(rows: unknown[][], labels?: Record<string, string>): Table {
  return {
    kind: 'Table',
    columnDefinitions,
    rows: rows.map((cells) => ({cells, object: {metadata: {namespace: 'team-a', ...(labels ? {labels} : {})}}})),
  };
}

describe('TablePrinter', () => {
  test("looks as kubectl's tables do: 3 spaces, nothing after the last column", () => {
    const text = new TablePrinter().format(
      table([
        ['hello', 'Succeeded', 0, ''],
        ['a-longer-name', 'Failed', 3, 'x'],
      ]),
    );
    expect(text).toBe(
      [
        'NAME            PHASE       EXIT', //
        'hello           Succeeded   0',
        'a-longer-name   Failed      3',
        '',
      ].join('\n'),
    );
  });

  test('a column is at least 6 wide; missing cells are empty', () => {
    expect(formatColumns([['A', 'B', 'C']])).toBe('A     B     C\n');
    expect(new TablePrinter().format(table([['x', null, undefined]]))).toBe('NAME   PHASE   EXIT\nx              \n');
  });

  test('aligns by terminal columns, not by characters', () => {
    const text = new TablePrinter({wide: true}).format(
      table([
        ['数据导出', 'Failed', 1, '失败'],
        ['e\u0301te\u0301', 'Failed', 1, '🚀'],
      ]),
    );
    expect(text.split('\n').slice(0, 3)).toEqual([
      'NAME       PHASE    EXIT   MESSAGE',
      '数据导出   Failed   1      失败',
      'e\u0301te\u0301        Failed   1      🚀',
    ]);
  });

  test('shows namespaces, labels and wide columns when asked', () => {
    const options = {wide: true, showNamespace: true, showLabels: true};
    expect(new TablePrinter(options).format(table([['x', 'Pending', null, 'm']], {b: '2', a: '1'}))).toBe(
      'NAMESPACE   NAME   PHASE     EXIT   MESSAGE   LABELS\nteam-a      x      Pending          m         a=1,b=2\n',
    );
    expect(new TablePrinter({showLabels: true, noHeaders: true}).format(table([['x', 'y', 1]]))).toBe(
      'x     y     1     <none>\n',
    );
  });

  test('a watch goes on below one header, with the widths so far, although later Tables have no columns', () => {
    const printer = new TablePrinter();
    printer.format(table([['a-long-name', 'Pending', null]]));
    const later: Table = {kind: 'Table', columnDefinitions: null, rows: [{cells: ['b', 'Running', null]}]};
    expect(printer.format(later)).toBe('b             Running   \n');
    expect(printer.format({kind: 'Table', columnDefinitions: null, rows: null})).toBe('');
  });

  test('prints no header over nothing', () => {
    expect(new TablePrinter().format(table([]))).toBe('');
  });
});

describe('formatCell', () => {
  test('keeps one line and lets nothing drive the terminal', () => {
    expect(formatCell('first\nsecond')).toBe('first...');
    expect(formatCell('red \u001b[31m\u0007')).toBe('red ^[[31m^G');
    expect(formatCell(true)).toBe('true');
    expect(formatCell(['a'])).toBe('["a"]');
  });

  test('escapeControls keeps lines when asked', () => {
    expect(escapeControls('a\tb\nc\r\u009b', {keepLines: true})).toBe('a\tb\nc^M\\u009b');
  });
});
