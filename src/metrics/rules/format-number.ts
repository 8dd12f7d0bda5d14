/** Numbers as Go's fmt package and Prometheus's template functions write them. */

function isFinite(value: number): boolean {
  return Number.isFinite(value);
}

function special(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** `%.<digits>g`: significant digits without trailing zeros, an exponent outside 1e-4 … 1e<digits>. */
export function formatG(value: number, digits: number): string {
  if (!isFinite(value)) return special(value);
  const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 1)).split('e') as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= Math.max(1, digits)) return withExponent(stripZeros(mantissa), power);
  return stripZeros(value.toFixed(Math.max(0, digits - 1 - power)));
}

/** `%v` of a float: the shortest digits that read back the same, an exponent outside 1e-4 … 1e21. */
export function formatV(value: number): string {
  if (!isFinite(value)) return special(value);
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= 21) return withExponent(mantissa, power);
  return Object.is(value, -0) ? '-0' : String(power >= -6 ? value : value.toFixed(20));
}

/** `%.<digits>e`. */
export function formatE(value: number, digits: number): string {
  if (!isFinite(value)) return special(value);
  const [mantissa, exponent] = value.toExponential(digits).split('e') as [string, string];
  return withExponent(mantissa, Number(exponent));
}

/** `%.<digits>f`. */
export function formatF(value: number, digits: number): string {
  if (!isFinite(value)) return special(value);
  // toFixed switches to exponents from 1e21 on; BigInt does not.
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`;
  return value.toFixed(digits);
}

function withExponent(mantissa: string, power: number): string {
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function stripZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

const LARGE = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SMALL = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];

/** Steps through prefixes until the value is in range. */
function scale(value: number, prefixes: readonly string[], factor: number, done: (size: number) => boolean) {
  let scaled = value;
  let prefix = '';
  for (const next of prefixes) {
    if (done(Math.abs(scaled))) break;
    prefix = next;
    scaled *= factor;
  }
  return { scaled, prefix };
}

/** `humanize`: metric prefixes, four significant digits. */
export function humanize(value: number): string {
  if (value === 0 || !isFinite(value)) return formatG(value, 4);
  const { scaled, prefix } =
    Math.abs(value) >= 1
      ? scale(value, LARGE, 1 / 1000, (size) => size < 1000)
      : scale(value, SMALL, 1000, (size) => size >= 1);
  return `${formatG(scaled, 4)}${prefix}`;
}

/** `humanize1024`: binary prefixes. */
export function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !isFinite(value)) return formatG(value, 4);
  const binary = LARGE.map((prefix) => `${prefix}i`);
  const { scaled, prefix } = scale(value, binary, 1 / 1024, (size) => size < 1024);
  return `${formatG(scaled, 4)}${prefix}`;
}

/** `humanizeDuration`: `1d 2h 3m 4s`, or four digits below a minute. */
export function humanizeDuration(value: number): string {
  if (!isFinite(value)) return formatG(value, 4);
  if (value === 0) return '0s';
  if (Math.abs(value) < 1) {
    const { scaled, prefix } = scale(value, SMALL, 1000, (size) => size >= 1);
    return `${formatG(scaled, 4)}${prefix}s`;
  }
  const sign = value < 0 ? '-' : '';
  const whole = Math.trunc(Math.abs(value));
  const seconds = whole % 60;
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600) % 24;
  const days = Math.floor(whole / 86_400);
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  if (minutes > 0) return `${sign}${minutes}m ${seconds}s`;
  return `${sign}${formatG(Math.abs(value), 4)}s`;
}

/** `humanizePercentage`: a ratio as a percentage. */
export function humanizePercentage(value: number): string {
  return `${formatG(value * 100, 4)}%`;
}

/** `humanizeTimestamp`: epoch seconds as `2006-01-02 15:04:05 +0000 UTC`. */
export function humanizeTimestamp(value: number): string {
  if (!isFinite(value) || Math.abs(value) > 8.64e12) return formatG(value, 4);
  const [date, time] = new Date(value * 1000).toISOString().split('T') as [string, string];
  const fraction = time.slice(8, -1).replace(/\.?0+$/, '');
  return `${date} ${time.slice(0, 8)}${fraction} +0000 UTC`;
}
