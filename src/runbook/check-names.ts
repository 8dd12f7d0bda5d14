import { slug } from '../kernel/index.ts';

const LEADING =
  /^(?:(?:check|verify|confirm|see|ensure|look at|list|get|show|find|make sure|count)\b\s*)+(?:(?:if|that|whether|for|the|a|an|all|of)\b\s*)*/i;
const EXPECTED = /\s*\([^()]*\b(?:should|must|normal|normally|expect|expected|healthy|abnormal)\b[^()]*\)/gi;

/** The comment without its expectation in brackets: what a person calls the check. */
export function labelOf(comment: string): string {
  const label = comment.slice(0, 400).replace(EXPECTED, '').trim().replace(/[:.]$/, '');
  return label === '' ? comment : label;
}

/** A short name out of a comment or the subject of an expectation; null when no word is left. */
export function nameOf(text: string): string | null {
  const bare = labelOf(text);
  const subject = bare
    .split(/\b(?:should|must|has to|needs to|is expected)\b|[<>≤≥=]|: /i)[0]!
    .replace(LEADING, '');
  const name = slug(subject.trim() === '' ? bare.replace(LEADING, '') : subject);
  if (name === 'unnamed') return null;
  const short = name.split('-').slice(0, 6).join('-');
  // Names are CEL identifiers once dashes become underscores: they start with a letter.
  return /^[a-z]/.test(short) ? short : `check-${short}`;
}

/** Hands out names, adding -2, -3 … to those already given. */
export class UniqueNames {
  #given = new Map<string, number>();

  take(wanted: string): string {
    let count = this.#given.get(wanted) ?? 0;
    let name = wanted;
    do {
      count += 1;
      name = count === 1 ? wanted : `${wanted}-${count}`;
    } while (count > 1 && this.#given.has(name));
    this.#given.set(wanted, count);
    if (name !== wanted) this.#given.set(name, 1);
    return name;
  }
}
