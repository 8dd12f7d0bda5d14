/** The levers' values at start, from the environment. */
import { leverDefinitions, leverNames } from './lever-definitions.ts';
import { builtIn, keyText, parseKey } from './lever-key.ts';

/**
 * The base values by lever. For one tool both `TOOL_TIMEOUT_SECONDS[search]` and, for shells and files that
 * take no brackets, `TOOL_TIMEOUT_SECONDS__search`; where both are given the brackets count. Other variables
 * are not looked at.
 * @throws AllclearError `E_BAD_VALUE` for brackets at a lever that is not of tools, or around no tool's name
 */
export function leversFromEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const base = new Map<string, string>();
  const bracketed = new Map<string, string>();
  for (const [variable, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const name = leverNames.find((one) => variable.startsWith(one));
    if (name === undefined) continue;
    const rest = variable.slice(name.length);
    if (rest === '') base.set(name, value);
    else if (rest.startsWith('[')) {
      const key = parseKey(variable);
      builtIn(key);
      bracketed.set(keyText(key), value);
    } else if (rest.startsWith('__') && 'perTool' in leverDefinitions[name]) {
      base.set(keyText(parseKey(`${name}[${rest.slice(2)}]`)), value);
    }
  }
  return Object.fromEntries([...base, ...bracketed]);
}
