/** Recognizes a call that is made again, without keeping who makes it or with which arguments. */
import { hash, randomBytes } from 'node:crypto';

/** Arguments deeper than this, or with more members, are taken as they are written: sorting them takes time. */
const MAX_DEPTH = 64;
const MAX_SORTED = 2000;

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
      return this.of(canonical([caller, tool, given, requestState, inputResponses]));
    } catch {
      return '';
    }
  }
}

/** JSON with sorted members. Throws RangeError for nesting beyond what JSON.stringify can do. */
function canonical(root: unknown): string {
  let left = MAX_SORTED;
  const write = (value: unknown, depth: number): string => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
    if (depth === MAX_DEPTH || left <= 0) return JSON.stringify(value);
    if (Array.isArray(value)) {
      left -= value.length;
      return `[${value.map((one) => write(one, depth + 1)).join(',')}]`;
    }
    const record = value as Record<string, unknown>;
    const names = Object.keys(record).toSorted();
    left -= names.length;
    return `{${names.map((name) => `${JSON.stringify(name)}:${write(record[name], depth + 1)}`).join(',')}}`;
  };
  return write(root, 0);
}
