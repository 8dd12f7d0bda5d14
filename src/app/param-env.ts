/** A runbook's parameters as its commands see them. */
import { paramVariables } from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';

/**
 * `PARAM_*` for a runbook: what was given, else the defaults of its front matter.
 * Errors: `E_USAGE` for a parameter that has neither.
 */
export function paramEnv(runbook: Runbook, given: ReadonlyMap<string, string>): Record<string, string> {
  const values: [string, string][] = [...given];
  for (const param of runbook.frontMatter.params) {
    if (given.has(param.name)) continue;
    if (param.default === null) {
      throw new AllclearError('E_USAGE', {
        what: `The parameter "${param.name}" has no value${param.description ? ` (${param.description})` : ''}`,
        next: `Give it with --param ${param.name}=VALUE.`,
        file: runbook.file,
      });
    }
    values.push([param.name, param.default]);
  }
  return paramVariables(values);
}
