/** The URLs of upstreams, as people give them. */
import { AllclearError } from '../../kernel/index.ts';

const MAX_UPSTREAMS = 64;

/**
 * Reads a list of upstream URLs, separated by commas or white space.
 * @returns normalized URLs without duplicates
 * @throws AllclearError `E_BAD_VALUE`
 */
export function parseUpstreams(text: string): readonly string[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const urls = [...new Set(words.map((word) => normalizeUrl(word)))];
  if (urls.length === 0) {
    throw badUrl('no upstream is named', 'Give at least one URL, for example http://127.0.0.1:3001.');
  }
  if (urls.length > MAX_UPSTREAMS)
    throw badUrl(`${urls.length} upstreams are named`, `At most ${MAX_UPSTREAMS} are taken.`);
  return urls;
}

function normalizeUrl(word: string): string {
  const url = URL.parse(word);
  const next = 'An upstream is given as http://host:port or https://host, with a path if it has one.';
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw badUrl(`"${word.slice(0, 200)}" is not an http or https URL`, next);
  }
  if (url.username !== '' || url.password !== '') {
    throw badUrl(
      'an upstream URL carries a user name or password',
      'Clients send their own credentials; leave them out of the URL.',
    );
  }
  if (url.search !== '' || url.hash !== '')
    throw badUrl(`"${word.slice(0, 200)}" has a query or fragment`, next);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function badUrl(what: string, next: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', { what, next });
}
