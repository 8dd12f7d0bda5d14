import { AllclearError } from '../kernel/index.ts';

/** Longest line: a row with every column at its bound. */
const MAX_LINE = 64 * 1024 * 1024;

/**
 * The lines of UTF-8 text that comes in pieces, without their ends.
 * @throws `E_FILE_TOO_LARGE` for a line without end, `E_FILE_BINARY` for what is no UTF-8
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decode(decoder, chunk)).split('\n');
    rest = lines.pop()!;
    if (rest.length > MAX_LINE) {
      throw new AllclearError('E_FILE_TOO_LARGE', { what: `a line has more than ${MAX_LINE} characters` });
    }
    yield* lines;
  }
  rest += decode(decoder);
  if (rest !== '') yield rest;
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk?: Uint8Array): string {
  try {
    return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
  } catch (error) {
    throw new AllclearError('E_FILE_BINARY', { what: 'it is not UTF-8 text', cause: error });
  }
}
