/**
 * The pause that a refusal in words asks for, in seconds: `… Retry only after 5 s.`
 * Null when the text asks for none. Models read it as people do; this reads the first number before "s".
 */
export function askedToWait(text: string): number | null {
  const match = /\bafter (\d{1,5}(?:\.\d{1,3})?) ?s(?:ec|econds?)?\b/i.exec(text);
  return match ? Number(match[1]) : null;
}
