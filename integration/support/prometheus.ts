/** A metric as `/metrics` serves it. */
export interface MetricFamily {
  name: string;
  type: string;
  help: string;
  /** Of the series that there are; `le` left out. */
  labels: ReadonlySet<string>;
  /** Whether there is any series; without, its labels are not known. */
  hasSeries: boolean;
}

/** Reads the Prometheus text format. */
export function parseMetrics(text: string): Map<string, MetricFamily> {
  const families = new Map<string, Omit<MetricFamily, 'labels'> & {labels: Set<string>}>();
  for (const line of text.split('\n')) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    if (help) {
      const [, name = '', sentence = ''] = help;
      families.set(name, {name, type: '', help: sentence, labels: new Set(), hasSeries: false});
    }
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    const typed = type && families.get(type[1] ?? '');
    if (type && typed) typed.type = type[2] ?? '';
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line);
    const family = sample && (families.get(sample[1] ?? '') ?? families.get(baseName(sample[1] ?? '')));
    if (!sample || !family) continue;
    family.hasSeries = true;
    for (const [, label = ''] of (sample[2] ?? '').matchAll(/([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"/g)) {
      if (label !== 'le') family.labels.add(label);
    }
  }
  return families;
}

/** The family that a series of a histogram or summary belongs to. */
export function baseName(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}

const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);

/** The metrics that a PromQL expression reads, each with the labels that it selects by; labels of `by` and `on` come under the name ''. */
export function metricsOf(expression: string): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  const labelsOf = (name: string): Set<string> => {
    const labels = used.get(name) ?? new Set<string>();
    used.set(name, labels);
    return labels;
  };
  let rest = expression.replace(
    /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g,
    (_, list: string) => {
      for (const label of list.split(',').map((each) => each.trim())) if (label) labelsOf('').add(label);
      return ' ';
    },
  );
  rest = rest.replace(/([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}/g, (_, name: string, matchers: string) => {
    const labels = labelsOf(name);
    for (const [, label = ''] of matchers.matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)/g)) labels.add(label);
    return ' ';
  });
  rest = rest.replace(/\[[^\]]*\]/g, ' ').replace(/"[^"]*"/g, ' ');
  for (const {0: name, index} of rest.matchAll(/[a-zA-Z_:][\w:]*/g)) {
    const isCall = /^\s*\(/.test(rest.slice(index + name.length));
    const isNumber = /[\d.]$/.test(rest.slice(0, index));
    if (!isCall && !isNumber && !keywords.has(name.toLowerCase())) labelsOf(name);
  }
  return used;
}
