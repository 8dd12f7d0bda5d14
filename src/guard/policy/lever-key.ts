/** How a lever is named: `MAX_SESSIONS`, or for one tool `TOOL_TIMEOUT_SECONDS[search]`. */
import { AllclearError, closest, oneLine } from '../../kernel/index.ts';
import { isLeverName, type LeverDefinition, leverDefinitions, leverNames } from './lever-definitions.ts';

/** Longer names are refused. The protocol recommends at most 128 characters. */
const MAX_TOOL_NAME = 200;

export interface LeverKey {
  readonly name: string;
  /** As on the wire, case included; null: all tools, or no lever of tools. */
  readonly tool: string | null;
}

/**
 * Reads a lever's name. All between the first `[` and the last `]` is the tool, so that tool names may
 * hold brackets themselves. Whether there is such a lever is not looked at.
 * @throws AllclearError `E_BAD_VALUE` when the tool cannot be a tool's name
 */
export function parseKey(text: string): LeverKey {
  const open = text.indexOf('[');
  if (open < 0) return { name: text, tool: null };
  if (!text.endsWith(']')) throw badKey(text, 'the closing bracket is missing');
  const tool = text.slice(open + 1, -1);
  if (tool === '') throw badKey(text, 'the brackets are empty');
  if (tool.length > MAX_TOOL_NAME) {
    throw badKey(text, `the tool's name is longer than ${MAX_TOOL_NAME} characters`);
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what this refuses
  if (/[\u0000-\u001f\u007f-\u009f]/.test(tool) || !tool.isWellFormed()) {
    throw badKey(text, "the tool's name holds control characters");
  }
  return { name: text.slice(0, open), tool };
}

/** The inverse of `parseKey`. */
export function keyText({ name, tool }: LeverKey): string {
  return tool === null ? name : `${name}[${tool}]`;
}

/** What is known of a built-in lever. Errors: `E_NOT_FOUND`, `E_BAD_VALUE` (not to be set per tool). */
export function builtIn(key: LeverKey): LeverDefinition {
  if (!isLeverName(key.name)) throw unknownLever(key.name, leverNames);
  const definition: LeverDefinition = leverDefinitions[key.name];
  if (key.tool !== null && !definition.perTool) throw notPerTool(key.name);
  return definition;
}

/** @param names all levers that there are */
export function unknownLever(name: string, names: readonly string[]): AllclearError {
  const near = closest(name, names);
  return new AllclearError('E_NOT_FOUND', {
    what: `there is no lever "${oneLine(name, 100)}"`,
    next: near === null ? `The levers are ${names.join(', ')}.` : `Did you mean ${near}?`,
  });
}

export function notPerTool(name: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what: `${name} cannot be set for one tool`,
    next: `Set it for all: ${name}=VALUE.`,
  });
}

function badKey(text: string, why: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what: `"${oneLine(text, 100)}" names no lever: ${why}`,
    next: 'The lever of one tool is written NAME[tool], for example TOOL_TIMEOUT_SECONDS[search].',
  });
}
