/** The guard's configuration file: upstreams, the levers' bases, levers of one's own, and drivers. */
import { z } from 'zod';
import {
  AllclearError,
  parseDuration,
  suggestion,
  type YamlPath,
  type YamlText,
} from '../../kernel/index.ts';
import type { Driver } from '../levers/driver.ts';
import {
  isLeverName,
  type LeverDefinition,
  leverDefinitions,
  leverNames,
} from '../policy/lever-definitions.ts';
import { keyText, parseKey } from '../policy/lever-key.ts';
import { ownLever } from '../policy/own-lever.ts';
import { parseUpstreams } from '../policy/upstream-urls.ts';

const DEFAULT_TIMEOUT_SECONDS = 10;
const DEFAULT_EVERY_SECONDS = 30;
const OWN_NAME = /^[A-Z][A-Z0-9_]{0,63}$/;

const scalar = z
  .union([z.string(), z.number(), z.boolean(), z.null()], 'it takes a text or a number')
  .transform((value) => {
    if (typeof value === 'boolean') return value ? 'on' : 'off';
    return value === null ? '' : String(value);
  });
const command = z.string().trim().min(1, 'a command is missing').max(10_000);
const duration = (least: number, most: number) =>
  z.union([z.string(), z.number()]).transform((value, context) => {
    const seconds = parseDuration(String(value));
    if (seconds !== undefined && seconds >= least && seconds <= most) return seconds;
    context.addIssue(`it takes a duration from ${least} s to ${most} s, for example 10s`);
    return z.NEVER;
  });

const driver = z.strictObject({
  command: z.strictObject({ set: command, reset: command.optional(), read: command.optional() }),
  timeout: duration(0.1, 60).optional(),
  every: duration(1, 3600).optional(),
});
const lever = z.strictObject({
  value: scalar.optional(),
  tools: z.record(z.string(), scalar).optional(),
  meaning: z.string().trim().min(1).max(200).optional(),
  pattern: z.string().max(500).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  'per-tool': z.boolean().optional(),
  driver: driver.optional(),
});
const file = z.strictObject({
  upstreams: z.union([z.string(), z.array(z.string())]).nullish(),
  levers: z.record(z.string(), z.union([scalar, lever])).nullish(),
});

type LeverEntry = z.infer<typeof lever>;

export interface GuardFile {
  /** Null: the file names none. */
  readonly upstreams: readonly string[] | null;
  /** Base values by lever, those of single tools by `NAME[tool]`. */
  readonly levers: Readonly<Record<string, string>>;
  readonly drivers: readonly Driver[];
}

/**
 * Reads a configuration file. docs/guard-levers.md describes it.
 * @throws AllclearError `E_CONFIG_FILE` with file and line
 */
export function parseGuardFile(yaml: YamlText): GuardFile {
  return new GuardFileReader(yaml).read();
}

class GuardFileReader {
  readonly #yaml: YamlText;
  readonly #base = new Map<string, string>();
  readonly #drivers: Driver[] = [];

  constructor(yaml: YamlText) {
    this.#yaml = yaml;
  }

  read(): GuardFile {
    const { upstreams, levers } = this.#yaml.read(file);
    // Plain names first: what is written for a tool may need what is said of the lever.
    const entries = Object.entries(levers ?? {}).toSorted(
      ([a], [b]) => Number(a.includes('[')) - Number(b.includes('[')),
    );
    for (const [key, entry] of entries)
      this.#lever(key, typeof entry === 'string' ? { value: entry } : entry);
    return {
      upstreams: upstreams === undefined || upstreams === null ? null : this.#upstreams(upstreams),
      levers: Object.fromEntries(this.#base),
      drivers: this.#drivers,
    };
  }

  #upstreams(given: string | readonly string[]): readonly string[] {
    if (typeof given === 'string') return this.#at(['upstreams'], () => parseUpstreams(given));
    given.forEach((url, index) => this.#at(['upstreams', index], () => parseUpstreams(url)));
    return this.#at(['upstreams'], () => parseUpstreams(given.join(',')));
  }

  #lever(key: string, entry: LeverEntry): void {
    const path = ['levers', key];
    const { name, tool } = this.#at(path, () => parseKey(key));
    if (name === 'UPSTREAMS') {
      throw this.#yaml.problem(
        path,
        'the upstreams are no setting of a lever',
        'Write `upstreams:` at the top.',
      );
    }
    if (tool !== null) {
      if (Object.keys(entry).some((one) => one !== 'value')) {
        throw this.#yaml.problem(
          path,
          `${key} takes a value, and nothing else`,
          `Write the rest under ${name}.`,
        );
      }
      this.#value(path, name, tool, entry.value ?? '');
      return;
    }
    if (isLeverName(name)) this.#refuseDefinition(path, name, entry);
    else this.#requireDriver(path, name, entry);
    if (entry.driver) this.#drivers.push(this.#driver(path, name, entry));
    if (entry.value !== undefined) this.#value(path, name, null, entry.value);
    for (const [one, value] of Object.entries(entry.tools ?? {})) {
      this.#value([...path, 'tools', one], name, one, value);
    }
  }

  #driver(path: YamlPath, name: string, entry: LeverEntry): Driver {
    const { command: commands, timeout, every } = entry.driver!;
    if (commands.reset === undefined && entry.value === undefined) {
      throw this.#yaml.problem(
        [...path, 'driver', 'command'],
        `nothing says how ${name} is given back`,
        'Add a `reset` command, or the `value` that it goes back to with `set`.',
      );
    }
    return {
      name,
      ...(isLeverName(name) ? leverDefinitions[name] : this.#own(path, name, entry)),
      set: commands.set,
      reset: commands.reset ?? null,
      read: commands.read ?? null,
      timeoutSeconds: timeout ?? DEFAULT_TIMEOUT_SECONDS,
      everySeconds: every ?? DEFAULT_EVERY_SECONDS,
    };
  }

  #own(path: YamlPath, name: string, entry: LeverEntry): LeverDefinition {
    const { meaning = '', min, max } = entry;
    if (min !== undefined && max !== undefined && min > max) {
      throw this.#yaml.problem(
        [...path, 'min'],
        `no value is from ${min} to ${max}`,
        'Let min be the lower.',
      );
    }
    let pattern: RegExp | undefined;
    try {
      if (entry.pattern !== undefined) pattern = new RegExp(entry.pattern, 'u');
    } catch (error) {
      throw this.#yaml.problem(
        [...path, 'pattern'],
        (error as Error).message,
        'It takes a regular expression.',
      );
    }
    return ownLever({ name, meaning, pattern, min, max, perTool: entry['per-tool'] ?? false });
  }

  /** What a built-in lever takes is known. */
  #refuseDefinition(path: YamlPath, name: string, entry: LeverEntry): void {
    const extra = (['meaning', 'pattern', 'min', 'max', 'per-tool'] as const).find(
      (one) => entry[one] !== undefined,
    );
    if (extra === undefined) return;
    throw this.#yaml.problem(
      [...path, extra],
      `${name} is built in, and has no setting "${extra}"`,
      'Remove it.',
    );
  }

  #requireDriver(path: YamlPath, name: string, entry: LeverEntry): void {
    if (entry.driver && OWN_NAME.test(name)) return;
    if (entry.driver) {
      const next = 'Use capital letters, digits and underscores, 64 at most, a letter first: MCP_REPLICAS.';
      throw this.#yaml.problem(path, `"${name}" cannot be the name of a lever`, next);
    }
    const next = `${suggestion(name, leverNames)} One of your own needs a driver.`;
    throw this.#yaml.problem(path, `there is no lever "${name}"`, next);
  }

  #value(path: YamlPath, name: string, tool: string | null, text: string): void {
    const definition: LeverDefinition | undefined =
      this.#drivers.find((one) => one.name === name) ??
      (isLeverName(name) ? leverDefinitions[name] : undefined);
    if (!definition) {
      throw this.#yaml.problem(path, `there is no lever "${name}"`, suggestion(name, leverNames));
    }
    if (tool !== null && !definition.perTool) {
      throw this.#yaml.problem(
        path,
        `${name} cannot be set for one tool`,
        `Set it for all: ${name}: ${text}`,
      );
    }
    const key = keyText({ name, tool });
    this.#at(path, () => parseKey(key));
    if (this.#base.has(key)) throw this.#yaml.problem(path, `${key} has two values`, 'Remove one of them.');
    this.#base.set(
      key,
      this.#at(path, () => definition.parse(text)),
    );
  }

  /** Gives an error about a value the place where that stands. */
  #at<T>(path: YamlPath, task: () => T): T {
    try {
      return task();
    } catch (error) {
      if (!(error instanceof AllclearError)) throw error;
      throw this.#yaml.problem(path, error.details.what, error.details.next ?? 'Correct it.');
    }
  }
}
