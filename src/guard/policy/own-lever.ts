/** Levers of one's own: what values they take, as the configuration says. */
import { badValue, type LeverDefinition } from './lever-definitions.ts';

const MAX_VALUE = 1000;

export interface OwnLever {
  readonly name: string;
  readonly meaning: string;
  /** The whole value must match it. */
  readonly pattern?: RegExp;
  /** With either bound the value must be a number. */
  readonly min?: number;
  readonly max?: number;
  readonly perTool: boolean;
}

/** The definition of a lever that is not built in. Values are trimmed, in one line, and not empty unless the pattern says so. */
export function ownLever({ name, meaning, pattern, min, max, perTool }: OwnLever): LeverDefinition {
  const whole = pattern && new RegExp(`^(?:${pattern.source})$`, pattern.flags);
  const numeric = min !== undefined || max !== undefined;
  const parse = (text: string) => {
    const value = text.trim();
    // oxlint-disable-next-line no-control-regex -- control characters are what this refuses
    if (value.length > MAX_VALUE || /[\u0000-\u001f\u007f]/.test(value)) {
      throw badValue(name, text, `one line of at most ${MAX_VALUE} characters`);
    }
    if (whole && !whole.test(value)) throw badValue(name, text, `what matches ${pattern.source}`);
    if (numeric && !isWithin(value, min, max)) throw badValue(name, text, rangeOf(min, max));
    if (value === '' && !whole) throw badValue(name, text, 'a value that is not empty');
    return value;
  };
  return { meaning, unset: '', parse, ...(perTool && { perTool: true as const }) };
}

function isWithin(value: string, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): boolean {
  return /^-?\d+(\.\d+)?$/.test(value) && Number(value) >= min && Number(value) <= max;
}

function rangeOf(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return `a number up to ${max}`;
  return max === undefined ? `a number from ${min}` : `a number from ${min} to ${max}`;
}
