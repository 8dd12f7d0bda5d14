/** What commands see of an incident: environment variables, and nothing else. Labels are untrusted input. */
import type { Runbook } from '../runbook/index.ts';

const MAX_LABELS = 64;
const MAX_NAME = 100;
const MAX_LENGTH = 4096;

type Values = Readonly<Record<string, string>>;

/**
 * `LABEL_` and the label's name in capitals, whatever is no letter or digit as `_`: `instance` is
 * `$LABEL_INSTANCE`. Of two labels whose names come out alike the first one counts. Values are passed as they are, but for
 * NUL, which no environment can hold; very long ones are cut.
 */
export function labelEnv(labels: Values): Record<string, string> {
  return prefixed('LABEL_', Object.entries(labels));
}

/**
 * What the commands of an incident get in the service: its labels, and the runbook's parameters as `params` or
 * its front matter give them. One that has no value is not set. Everything that renders or runs a step takes it
 * from here, so that what was approved is what runs.
 */
export function incidentEnv(
  runbook: Pick<Runbook, 'frontMatter'>,
  labels: Values,
  params: Values,
): Record<string, string> {
  const values = runbook.frontMatter.params.flatMap(({ name, default: given }) => {
    const value = Object.hasOwn(params, name) ? params[name] : given;
    return value === null || value === undefined ? [] : [[name, value] as const];
  });
  return { ...labelEnv(labels), ...paramVariables(values) };
}

/** `PARAM_*` of these parameters, as `labelEnv` does it with labels. */
export function paramVariables(values: Iterable<readonly [string, string]>): Record<string, string> {
  return prefixed('PARAM_', [...values]);
}

function prefixed(prefix: string, values: readonly (readonly [string, string])[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of values.slice(0, MAX_LABELS)) {
    const variable = `${prefix}${name
      .toUpperCase()
      .replace(/[^A-Z0-9]/g, '_')
      .slice(0, MAX_NAME)}`;
    env[variable] ??= value.replaceAll('\0', '').slice(0, MAX_LENGTH);
  }
  return env;
}
