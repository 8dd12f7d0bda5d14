const REPLACEMENT = '\ufffd';

/**
 * Text as both databases keep it: PostgreSQL's cannot hold NUL, and UTF-8 no half of a surrogate pair. Other values as
 * they are. What is hashed must go through it before.
 */
export function storable<Value>(value: Value): Value {
  if (typeof value !== 'string') return value;
  const text: string = value.includes('\0') ? value.replaceAll('\0', REPLACEMENT) : value;
  return (text.isWellFormed() ? text : text.toWellFormed()) as Value;
}
