import type { Clock } from './clock.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * An id that sorts by the time it was made: `prefix-` and 16 characters (Crockford base 32, lower
 * case: 45 bits of milliseconds, 35 bits of randomness).
 */
export function newId(prefix: string, clock: Pick<Clock, 'now'>): string {
  let time = clock.now();
  let head = '';
  for (let digit = 0; digit < 9; digit++) {
    head = ALPHABET[time % 32] + head;
    time = Math.floor(time / 32);
  }
  const tail = Array.from(crypto.getRandomValues(new Uint8Array(7)), (byte) => ALPHABET[byte % 32]).join('');
  return `${prefix}-${head}${tail}`;
}
