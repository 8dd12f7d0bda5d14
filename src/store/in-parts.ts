/** Rows of one statement: far below the 32,766 parameters that SQLite takes. */
const PART = 500;

/** The list in parts that fit into one statement each. */
export function* inParts<Item>(list: readonly Item[]): Generator<readonly Item[]> {
  for (let from = 0; from < list.length; from += PART) yield list.slice(from, from + PART);
}
