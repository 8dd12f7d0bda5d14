/** What conditions are evaluated over. */

/** What a figure counts, for showing it. */
export type Quantity = 'seconds' | 'share' | 'per-second' | 'plain';

export interface Bound {
  /** Name → value; a name without data is absent. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Name → why it has no value, as the end of a sentence. */
  readonly absent: Readonly<Record<string, string>>;
  readonly quantities: Readonly<Record<string, Quantity>>;
}
