export interface Series {
  name: string;
  points: readonly {x: number; y: number}[];
  /** Drawn with a broken line. */
  dashed?: boolean;
  /** Which of the colours; default: one of its own. */
  hue?: number;
}

export interface LineChart {
  title: string;
  xTitle: string;
  yTitle: string;
  series: readonly Series[];
  /** Equal distances are equal factors. For x from 1 to thousands. */
  logX?: boolean;
}

const WIDTH = 760;
const HEIGHT = 420;
const MARGIN = {left: 78, right: 190, top: 48, bottom: 58};
/** Told apart by people who see few colours, too. @see https://jfly.uni-koeln.de/color/ (Okabe and Ito) */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** A chart as SVG that needs nothing else: on white, since pages of either brightness show it. */
export function lineChart(chart: LineChart): string {
  const points = chart.series.flatMap(({points: each}) => each);
  const xs = [...new Set(points.map(({x}) => x))].toSorted((a, b) => a - b);
  const top = niceTop(Math.max(0, ...points.map(({y}) => y)));
  const position = (x: number): number => (chart.logX ? Math.log(Math.max(x, 1e-9)) : x);
  const [low, high] = [position(xs[0] ?? 0), position(xs.at(-1) ?? 1)];
  const left = (x: number): number =>
    MARGIN.left + (high === low ? 0.5 : (position(x) - low) / (high - low)) * (WIDTH - MARGIN.left - MARGIN.right);
  const up = (y: number): number => HEIGHT - MARGIN.bottom - (y / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const right = WIDTH - MARGIN.right;
  const floor = HEIGHT - MARGIN.bottom;
  const parts: string[] = [text(MARGIN.left, 26, chart.title, 'font-weight="600" font-size="16"')];
  for (const y of [0, 0.25, 0.5, 0.75, 1].map((share) => share * top)) {
    parts.push(`<line x1="${MARGIN.left}" y1="${at(up(y))}" x2="${right}" y2="${at(up(y))}" stroke="#dddddd"/>`);
    parts.push(text(MARGIN.left - 8, up(y) + 4, short(y), 'text-anchor="end"'));
  }
  for (const x of ticks(xs)) {
    parts.push(`<line x1="${at(left(x))}" y1="${floor}" x2="${at(left(x))}" y2="${floor + 5}" stroke="#555555"/>`);
    parts.push(text(left(x), floor + 20, short(x), 'text-anchor="middle"'));
  }
  parts.push(`<line x1="${MARGIN.left}" y1="${floor}" x2="${right}" y2="${floor}" stroke="#555555"/>`);
  parts.push(text((MARGIN.left + right) / 2, HEIGHT - 14, chart.xTitle, 'text-anchor="middle"'));
  const middle = (MARGIN.top + floor) / 2;
  parts.push(text(20, middle, chart.yTitle, `text-anchor="middle" transform="rotate(-90 20 ${at(middle)})"`));
  chart.series.forEach((series, index) => {
    const colour = COLOURS[(series.hue ?? index) % COLOURS.length]!;
    const sorted = series.points.toSorted((a, b) => a.x - b.x);
    const line = sorted.map(({x, y}) => `${at(left(x))},${at(up(y))}`).join(' ');
    const dash = series.dashed ? ' stroke-dasharray="6 5"' : '';
    parts.push(`<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2.5"${dash}/>`);
    for (const {x, y} of sorted) parts.push(`<circle cx="${at(left(x))}" cy="${at(up(y))}" r="3.5" fill="${colour}"/>`);
    const row = MARGIN.top + 10 + index * 22;
    parts.push(
      `<line x1="${right + 16}" y1="${row}" x2="${right + 40}" y2="${row}" stroke="${colour}" stroke-width="2.5"${dash}/>`,
    );
    parts.push(text(right + 46, row + 4, series.name, ''));
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12.5" fill="#222222">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** The least of 1, 2, 2.5 and 5 times a power of ten that is no less. */
export function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5].find((factor) => factor * power >= value) ?? 10) * power;
}

/** At most eight, the ends among them. */
function ticks(xs: readonly number[]): number[] {
  const every = Math.ceil(xs.length / 8);
  return xs.filter((_, index) => index % every === 0 || index === xs.length - 1);
}

function short(value: number): string {
  return value >= 10_000 ? `${Number((value / 1000).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}

function at(value: number): string {
  return value.toFixed(1);
}

function text(x: number, y: number, content: string, attributes: string): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${at(x)}" y="${at(y)}" ${attributes}>${safe}</text>`;
}
