import { createHmac } from 'node:crypto';

/**
 * Headers by which a receiver knows that a message is ours and fresh, after https://www.standardwebhooks.com:
 * HMAC-SHA256 over `id.timestamp.body`, base64.
 * @param secret its bytes; see `signingKey`
 * @param at seconds since the epoch
 */
export function signatureHeaders(
  secret: Buffer,
  id: string,
  at: number,
  body: string,
): Record<string, string> {
  const mac = createHmac('sha256', secret).update(`${id}.${at}.${body}`).digest('base64');
  return { 'webhook-timestamp': String(at), 'webhook-signature': `v1,${mac}` };
}

/** `whsec_` and base64, as the standard writes secrets; any other text stands for its UTF-8 bytes. */
export function signingKey(text: string): Buffer {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  return encoded === undefined ? Buffer.from(text, 'utf8') : Buffer.from(encoded, 'base64');
}
