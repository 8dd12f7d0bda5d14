/** Secrets of the configuration: named in it, never written into it. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AllclearError, systemCode } from '../../kernel/index.ts';

const MAX_SECRET = 10_000;
const path = z.string().trim().min(1).max(4_096);
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, 'it takes the name of an environment variable');

/** The two keys of a section that say where its secret is: `NAME-file` and `NAME-env`. */
export function secretKeys<Name extends string>(
  name: Name,
): Record<`${Name}-file`, z.ZodOptional<typeof path>> &
  Record<`${Name}-env`, z.ZodOptional<typeof variable>> {
  return { [`${name}-file`]: path.optional(), [`${name}-env`]: variable.optional() } as ReturnType<
    typeof secretKeys<Name>
  >;
}

export interface SecretSource {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}

/**
 * Reads a secret; a newline at the end of a file is an editor's.
 * @param what it is, for messages
 * @returns null when the source names neither a file nor a variable
 * @throws `E_FILE_UNREADABLE`, `E_BAD_VALUE` for one that is empty or both
 */
export async function readSecret(
  { file, env }: SecretSource,
  what: string,
  from: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  if (file !== undefined && env !== undefined)
    throw bad(`${what} is said twice`, 'Name a file or a variable, not both.');
  if (env !== undefined) return some(from[env], `${what}: the variable ${env} is not set`);
  if (file === undefined) return null;
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AllclearError('E_FILE_UNREADABLE', {
      what: `${what} cannot be read (${systemCode(cause) ?? String(cause)})`,
      next: 'Let it be a file that the user of the service can read.',
      file,
      cause,
    });
  });
  return some(text.replace(/\r?\n$/, ''), `${what}: the file ${file} is empty`);
}

function some(text: string | undefined, what: string): string {
  if (text !== undefined && text !== '' && text.length <= MAX_SECRET) return text;
  throw bad(what, 'A secret is a text of 1 to 10000 characters.');
}

function bad(what: string, next: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', { what, next });
}
