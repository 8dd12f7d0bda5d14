/** The candidate at most two edits away (one for short words), ignoring case and `_` for `-`; null when there is none. */
export function closest(word: string, candidates: readonly string[]): string | null {
  const plain = normal(word);
  if (plain.length > 40) return null;
  const allowed = plain.length <= 4 ? 1 : 2;
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(plain, normal(candidate)) }))
    .filter(({ edits }) => edits <= allowed)
    .toSorted((a, b) => a.edits - b.edits);
  return near[0]?.candidate ?? null;
}

/** `Did you mean x?`, or the whole list. */
export function suggestion(name: string, names: readonly string[]): string {
  const near = closest(name, names);
  return near === null ? `There are ${names.join(', ')}.` : `Did you mean ${near}?`;
}

function normal(word: string): string {
  return word.toLowerCase().replaceAll('_', '-');
}

/** Levenshtein's distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
