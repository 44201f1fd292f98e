import {describe, expect, test} from '@jest/globals';
import {benchResult, measurement, targetResult} from '../figures/measurement.fixture.ts';
import {charts} from './charts.ts';
import {comparisonText} from './comparison.ts';
import {lineChart, niceTop} from './line-chart.ts';
import {figure, table, times} from './markdown-table.ts';
import {withMarkedBlock} from './marked-block.ts';
import {reportText} from './report-text.ts';

describe('a table', () => {
  test('has no columns that are empty', () => {
    expect(
      table(
        ['a', 'b', 'c'],
        [
          ['1', '', '3'],
          ['', '', '6'],
        ],
      ),
    ).toBe('| a | c |\n| --- | --- |\n| 1 | 3 |\n|  | 6 |');
    expect(table(['a'], [])).toBe('');
  });

  test('has numbers of three digits', () => {
    expect([1234.5, 123.4, 12.345, 0.012345, 3, undefined, Number.NaN].map(figure)).toEqual([
      '1235', // no decimals
      '123',
      '12.3',
      '0.0123',
      '3',
      '',
      '',
    ]);
    expect([times(1, 3), times(1, 0), times(undefined, 1)]).toEqual(['0.33', '', '']);
  });
});

describe('the report', () => {
  const own = measurement({perSecond: 50, latency: {total: {count: 9, p50: 20, p95: 30, p99: 40, max: 50}}});
  const text = reportText(benchResult([targetResult([own, measurement({path: 'relay'})])]));

  test('states results as ratios to the relay', () => {
    expect(text).toContain('| sequential 1 | 100 | 50 | 100 | 0.50 | 20 | 10 | 2.00 | 30 | 10 | 3.00 | 40 | 50 | 0 |');
  });

  test('says what a Run costs', () => {
    expect(text).toContain('| sequential 1 | 3 | 3 | 10 | 10 | 9 | 1 | 1 | 3 | 4 |');
  });

  test('goes between the marks of a document, and nothing else of it changes', () => {
    const begin = '<!-- bench:begin (written by npm run bench -- --docs) -->';
    const document = `before\n${begin}\n\nold\n\n<!-- bench:end -->\nafter\n`;
    expect(withMarkedBlock(document, 'new')).toBe(`before\n${begin}\n\nnew\n\n<!-- bench:end -->\nafter\n`);
    expect(() => withMarkedBlock('no marks', 'new')).toThrow('has no lines');
  });
});

describe('a comparison', () => {
  test('gives ratios of loads that both have, and of their shares of the relay', () => {
    const base = benchResult([
      targetResult([measurement({perSecond: 50}), measurement({path: 'relay', perSecond: 100})]),
    ]);
    const now = benchResult([
      targetResult([
        measurement({perSecond: 100}),
        measurement({path: 'relay', perSecond: 400}),
        measurement({load: 'new'}),
      ]),
    ]);
    const lines = comparisonText(base, now).split('\n');
    expect(lines).toContain('| kube | kruntimes | sequential 1 | 2.00 | 1.00 | 1.00 | 1.00 | 1.00 | 0.50 | 1.00 |');
    expect(lines).toContain('| kube | relay | sequential 1 | 4.00 | 1.00 | 1.00 |  | 1.00 |  |  |');
    expect(lines.some((line) => line.includes('new'))).toBe(false);
  });

  test('of results with nothing in common says so', () => {
    expect(comparisonText(benchResult([]), benchResult([targetResult([])]))).toBe(
      'The two results have no load in common.',
    );
  });
});

describe('a chart', () => {
  const series = [{name: 'a < b', points: [1, 10, 100].map((x) => ({x, y: x * 2}))}];

  test('puts equal factors at equal distances where it is told to', () => {
    const svg = lineChart({title: 't', xTitle: 'x', yTitle: 'y', logX: true, series});
    const xs = [...svg.matchAll(/cx="([\d.]+)"/g)].map(([, x]) => Number(x));
    expect(xs[1]! - xs[0]!).toBeCloseTo(xs[2]! - xs[1]!, 0);
    expect(svg).toContain('a &lt; b');
  });

  test('ends at a round number', () => {
    expect([0, 0.7, 1, 13, 240, 260, 900].map(niceTop)).toEqual([1, 1, 1, 20, 250, 500, 1000]);
  });

  test('is drawn of what has more than one point', () => {
    const loads = (['1', '25'] as const).flatMap((load) =>
      (['kruntimes', 'relay'] as const).map((path) => measurement({scenario: 'closed', load, path})),
    );
    expect(Object.keys(charts(targetResult(loads)))).toEqual(['kube-throughput.svg', 'kube-latency.svg']);
    expect(charts(targetResult([measurement()]))).toEqual({});
  });
});
