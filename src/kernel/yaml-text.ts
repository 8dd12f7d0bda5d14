/** A YAML text whose values are checked, and whose errors name the line they are about. */
import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { AllclearError } from './errors.ts';
import { suggestion } from './spelling.ts';

const MAX_LENGTH = 1024 * 1024;

export type YamlPath = readonly (string | number)[];

export class YamlText {
  readonly #file: string;
  readonly #page: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  /**
   * @param file its name, for messages
   * @param page of the documentation that describes its form
   * @throws AllclearError `E_CONFIG_FILE`, `E_FILE_TOO_LARGE`
   */
  constructor(text: string, file: string, page: string) {
    this.#file = file;
    this.#page = page;
    if (text.length > MAX_LENGTH) {
      throw new AllclearError('E_FILE_TOO_LARGE', {
        what: `the file is longer than ${MAX_LENGTH} characters`,
        next: 'A configuration has some dozens of lines: is it another file?',
        file,
      });
    }
    this.#document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true });
    const [broken] = this.#document.errors;
    if (!broken) return;
    const several = broken.code === 'MULTIPLE_DOCS' && 'a second document begins';
    throw new AllclearError('E_CONFIG_FILE', {
      what: several || broken.message.split('\n')[0]!.replace(/ at line .*/, ''),
      next: several
        ? 'A file of YAML has one document here: remove the line ---.'
        : 'Correct the YAML there.',
      file,
      line: this.#lines.linePos(broken.pos[0]).line,
    });
  }

  /** The content as the schema wants it. @throws AllclearError `E_CONFIG_FILE` */
  read<T>(schema: z.ZodType<T>): T {
    let content: unknown;
    try {
      content = this.#document.toJS({ maxAliasCount: 100 }) ?? {};
    } catch (error) {
      throw this.problem([], (error as Error).message, 'Write the values out rather than with aliases.');
    }
    const parsed = schema.safeParse(content);
    if (parsed.success) return parsed.data;
    const issue = deepest(parsed.error.issues[0]!);
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      const key = issue.keys[0]!;
      const names = keysAt(schema, path);
      const next =
        names.length === 0 ? 'Remove it, or correct its name.' : `${suggestion(key, names)} Or remove it.`;
      throw this.problem([...path, key], `there is no setting "${key}" here`, next);
    }
    const place = path.length === 0 ? 'the file' : path.join('.');
    throw this.problem(path, `${place} is not right: ${issue.message}`, `See ${this.#page} for the form.`);
  }

  /** The error for what stands at `path`. */
  problem(path: YamlPath, what: string, next: string): AllclearError {
    return new AllclearError('E_CONFIG_FILE', { what, next, file: this.#file, line: this.#line(path) });
  }

  /** The line of the key, or of the nearest thing around it. */
  #line(path: YamlPath): number {
    for (let length = path.length; length > 0; length--) {
      const parent: unknown =
        length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, length - 1), true);
      const name = path[length - 1]!;
      const key = isMap(parent)
        ? parent.items.find((item) => String(item.key) === String(name))?.key
        : this.#document.getIn(path.slice(0, length), true);
      if (isNode(key) && key.range) return this.#lines.linePos(key.range[0]).line;
    }
    return 1;
  }
}

/** A union's own message says nothing: the alternative that came furthest does. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.flat().toSorted((a, b) => b.path.length - a.path.length)[0];
  return inner && inner.path.length > 0 ? deepest({ ...inner, path: [...issue.path, ...inner.path] }) : issue;
}

/** The settings there are at `path`; none where there may be any. */
function keysAt(schema: z.ZodType, path: YamlPath): string[] {
  const inner = bare(schema);
  const [first, ...rest] = path;
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((one) => keysAt(one as z.ZodType, path));
  if (inner instanceof z.ZodObject) {
    if (first === undefined) return Object.keys(inner.shape);
    const next = Object.hasOwn(inner.shape, first) ? inner.shape[first] : undefined;
    return next === undefined ? [] : keysAt(next as z.ZodType, rest);
  }
  if (first === undefined) return [];
  if (inner instanceof z.ZodArray) return keysAt(inner.element as z.ZodType, rest);
  return inner instanceof z.ZodRecord ? keysAt(inner.valueType as z.ZodType, rest) : [];
}

/** The schema within defaults, options and transformations. */
function bare(schema: z.ZodType): z.ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  )
    return bare(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodPipe ? bare(schema.in as z.ZodType) : schema;
}
