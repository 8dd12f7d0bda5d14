import { Agent } from 'undici';
import type { Search } from './upstream-session.ts';

/** A search that costs nothing. */
export const searchNothing: Search = (query) => Promise.resolve(`nothing found for ${query}`);

/**
 * A search that asks another service, as careless as most: it waits for the answer however long that takes,
 * on as many connections as it takes, and does not know whether its caller is still there.
 */
export function searchIn(dependency: string): Search {
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const { origin, pathname } = new URL(dependency);
  return async (query) => {
    const path = `${pathname}?q=${encodeURIComponent(query)}`;
    const { statusCode, body } = await agent.request({ origin, path, method: 'GET' });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`the search index answered ${statusCode}: ${text}`);
    return text;
  };
}
