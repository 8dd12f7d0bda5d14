/**
 * Takes user and password out of a URL, which `fetch` refuses and messages must not show.
 * @returns the bare URL, and the Authorization header they stand for
 */
export function takeCredentials(url: URL): { bare: URL; authorization: string | undefined } {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  if (url.username === '' && url.password === '') return { bare, authorization: undefined };
  const pair = `${decode(url.username)}:${decode(url.password)}`;
  return { bare, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is part of the password.
    return text;
  }
}
