/** Reads request bodies within bounds: per request, and for all requests that are being read or held together. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_HELD_BYTES = 256 * 1024 * 1024;
/** Large bodies that never end must not keep the small ones out, which nearly all are: this is theirs alone. */
const KEPT_FOR_SMALL_BYTES = 32 * 1024 * 1024;
const SMALL_BYTES = 64 * 1024;
/** A piece costs some 250 bytes besides its own: so many tiny ones that follow each other become one. */
const TINY_BYTES = 256;
const JOINED = 64;

export type BodyResult =
  | { readonly kind: 'whole'; readonly body: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'no-memory' }
  | { readonly kind: 'gone' };

/** The memory that bodies of one guard take together. */
export class BodyBudget {
  #held = 0;

  /** @param small the body that they belong to is a small one so far */
  take(bytes: number, small: boolean): boolean {
    const limit = small ? MAX_HELD_BYTES : MAX_HELD_BYTES - KEPT_FOR_SMALL_BYTES;
    if (this.#held + bytes > limit) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/**
 * Reads the whole body and tells `done` once. The bytes stay on the budget until the response closes.
 * @param res the answer to `req`; its `close` also tells that the client has gone in the middle of the body
 */
export function readBody(
  req: IncomingMessage,
  res: ServerResponse,
  budget: BodyBudget,
  done: (result: BodyResult) => void,
  maxBytes = MAX_BODY_BYTES,
): void {
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) {
    done({ kind: 'too-large' });
    return;
  }
  const reading = { req, res, budget, done, maxBytes };
  // In the next tick all that came together with the head has been parsed: nearly always it is the whole body.
  process.nextTick(() => {
    if (req.complete) takeWhole(reading);
    else readPieces(reading);
  });
}

interface Reading {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly budget: BodyBudget;
  readonly done: (result: BodyResult) => void;
  readonly maxBytes: number;
}

/** The body is here: it needs no listeners, and no stream that flows. */
function takeWhole({ req, res, budget, done, maxBytes }: Reading): void {
  const body: Buffer = req.read() ?? Buffer.alloc(0);
  if (body.length > maxBytes) done({ kind: 'too-large' });
  else if (!budget.take(body.length, body.length <= SMALL_BYTES)) done({ kind: 'no-memory' });
  else {
    res.on('close', () => budget.give(body.length));
    done({ kind: 'whole', body });
  }
}

function readPieces({ req, res, budget, done, maxBytes }: Reading): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let tiny = 0;
  let settled = false;
  const giveUp = (kind: 'too-large' | 'no-memory') => {
    settled = true;
    // The refusal still has to go out on this connection: what comes now is read and thrown away.
    chunks.length = 0;
    budget.give(size);
    size = 0;
    done({ kind });
  };
  req.on('data', (chunk: Buffer) => {
    if (settled) return;
    if (size + chunk.length > maxBytes) giveUp('too-large');
    else if (!budget.take(chunk.length, size + chunk.length <= SMALL_BYTES)) giveUp('no-memory');
    else {
      size += chunk.length;
      chunks.push(chunk);
      tiny = chunk.length < TINY_BYTES ? tiny + 1 : 0;
      if (tiny === JOINED) {
        chunks.push(Buffer.concat(chunks.splice(-JOINED)));
        tiny = 0;
      }
    }
  });
  req.on('end', () => {
    if (settled) return;
    settled = true;
    done({ kind: 'whole', body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size) });
  });
  res.on('close', () => {
    budget.give(size);
    size = 0;
    if (settled) return;
    settled = true;
    done({ kind: 'gone' });
  });
}
