/** Alert labels as commands see them: environment variables, and nothing else. Labels are untrusted input. */

const MAX_LABELS = 64;
const MAX_LENGTH = 4096;

/**
 * `LABEL_` and the label's name in capitals, whatever is no letter or digit as `_`: `instance` is
 * `$LABEL_INSTANCE`. Of two labels whose names come out alike the first one counts. Values are passed as they are, but for
 * NUL, which no environment can hold; very long ones are cut.
 */
export function labelEnv(labels: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels).slice(0, MAX_LABELS)) {
    const variable = `LABEL_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    env[variable] ??= value.replaceAll('\0', '').slice(0, MAX_LENGTH);
  }
  return env;
}
