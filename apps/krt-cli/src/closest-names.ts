/**
 * Names that someone may have meant by `wanted`: small edit distance, or one is the beginning of the other; best first.
 * @param limit at most so many
 */
export function closestNames(wanted: string, names: Iterable<string>, limit = 3): string[] {
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  const scored: {name: string; score: number}[] = [];
  for (const name of names) {
    const distance = editDistance(wanted, name, allowed);
    if (distance <= allowed) scored.push({name, score: distance});
    else if (wanted.length >= 3 && (name.startsWith(wanted) || wanted.startsWith(name))) {
      scored.push({name, score: allowed + Math.abs(name.length - wanted.length)});
    }
  }
  return scored
    .toSorted((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map(({name}) => name);
}

/** Edit distance with adjacent transpositions; Infinity if it exceeds `limit`. */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let previous = Array.from({length: b.length + 1}, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    if (Math.min(...row) > limit) return Number.POSITIVE_INFINITY;
    before = previous;
    previous = row;
  }
  const distance = previous[b.length] ?? 0;
  return distance > limit ? Number.POSITIVE_INFINITY : distance;
}
