/** Figures as commands print them and as people read them. */
import { formatDuration, secondsPer } from '../kernel/index.ts';
import type { Quantity } from './bound.ts';

const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  k: 1000,
  kb: 1000,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/**
 * Reads output that is one number, with an optional unit: `42`, `-1.5e3`, `212 ms` (0.212), `45%` (0.45),
 * `1.5 GiB`, `312/s`.
 * @returns null for anything else
 */
export function parseQuantity(text: string): { value: number; quantity: Quantity } | null {
  const match =
    /^([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:e[+-]?\d{1,3})?)\s{0,3}([%a-zµ/]{0,12})$/i.exec(text);
  if (!match) return null;
  const number = Number(match[1]);
  if (!Number.isFinite(number)) return null;
  const unit = match[2]!.toLowerCase();
  if (unit === '') return { value: number, quantity: 'plain' };
  if (unit === '%') return { value: number / 100, quantity: 'share' };
  const per = /^\/([a-z]+)$/.exec(unit)?.[1];
  if (per !== undefined) {
    const seconds = secondsPer(per);
    return seconds === undefined ? null : { value: number / seconds, quantity: 'per-second' };
  }
  if (Object.hasOwn(BYTES, unit)) return { value: number * BYTES[unit]!, quantity: 'plain' };
  const seconds = secondsPer(unit);
  return seconds === undefined ? null : { value: number * seconds, quantity: 'seconds' };
}

/** `4.8 s`, `93%`, `312/s`, `0.045`. */
export function formatQuantity(value: number, quantity: Quantity): string {
  switch (quantity) {
    case 'seconds':
      return formatDuration(value);
    case 'share':
      return `${significant(value * 100, 3)}%`;
    case 'per-second':
      return `${significant(value, 3)}/s`;
    case 'plain':
      return Number.isInteger(value) ? String(value) : significant(value, 4);
  }
}

function significant(value: number, digits: number): string {
  if (Math.abs(value) >= 10 ** digits) return String(Math.round(value));
  return String(Number(value.toPrecision(digits)));
}
