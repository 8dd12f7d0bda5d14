/** Recognizes a call that is made again, without keeping who makes it or with which arguments. */
import { hash, randomBytes } from 'node:crypto';

/** Deeper arguments are taken as they are written. */
const MAX_DEPTH = 64;

export class CallKeys {
  /** Known to this process only, so that what is kept cannot be compared with guessed tokens or arguments. */
  readonly #secret = randomBytes(24).toString('base64');

  /** A keyed hash of a text that must not be kept, such as a token. */
  of(text: string): string {
    return hash('sha256', this.#secret + text, 'base64');
  }

  /**
   * The key of a tool call: the same for the same caller, tool and arguments, in whatever order their members
   * stand. A continued call of the stateless era (`requestState`) is another one at each round. '' when
   * the arguments are nested too deeply to be read.
   */
  ofCall(caller: string, tool: string, params: Readonly<Record<string, unknown>> | null): string {
    try {
      const { arguments: given = {}, requestState, inputResponses } = params ?? {};
      return this.of(canonical([caller, tool, given, requestState, inputResponses], 0));
    } catch {
      return '';
    }
  }
}

/** JSON with sorted members. Throws RangeError for nesting beyond what JSON.stringify can do. */
function canonical(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (depth === MAX_DEPTH) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one, depth + 1)).join(',')}]`;
  const record = value as Record<string, unknown>;
  const members = Object.keys(record)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonical(record[name], depth + 1)}`);
  return `{${members.join(',')}}`;
}
