import { describe, expect, it } from 'vitest';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';

async function complaint(args: readonly string[], json: boolean): Promise<string> {
  let err = '';
  const io: Io = {
    out: () => expect.fail('a wrong command line is no data'),
    err: (text) => void (err += text),
    colour: false,
    interactive: false,
    columns: 80,
    env: {},
    cwd: '/',
    signal: new AbortController().signal,
  };
  await expect(createProgram(io, () => {}, json).parseAsync(args, { from: 'user' })).rejects.toThrow();
  return err;
}

describe('a wrong command line', () => {
  it.each([
    [['inspect', '--json'], "missing required argument 'file'"],
    [['lint', 'x.md', '--json', '--fast'], "unknown option '--fast'"],
  ])('is one object with --json: %j', async (args, message) => {
    expect(JSON.parse(await complaint(args, true))).toEqual({
      error: { code: 'E_USAGE', message, next: 'Add --help for what is accepted.' },
    });
  });

  it('is a sentence without', async () => {
    expect(await complaint(['inspect'], false)).toBe(
      "E_USAGE missing required argument 'file'\n(add --help for what is accepted)\n",
    );
  });
});
