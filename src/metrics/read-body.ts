import { AllclearError } from '../kernel/index.ts';

/** Reads a response's body as text, and gives up with `E_BAD_RESPONSE` beyond `maxBytes`. */
export async function readBody(response: Response, maxBytes: number, from: string): Promise<string> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new AllclearError('E_BAD_RESPONSE', { what: `${from} answered more than ${maxBytes} bytes` });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
