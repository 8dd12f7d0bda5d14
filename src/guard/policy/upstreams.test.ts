import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { parseUpstreams } from './upstream-urls.ts';
import { type Upstream, UpstreamSet } from './upstreams.ts';

function set(...urls: string[]) {
  const upstreams = new UpstreamSet(new TestClock());
  const added = upstreams.set(urls).added;
  for (const one of added) one.up = true;
  return { upstreams, added };
}

describe('UpstreamSet', () => {
  it('gives a new session to the one with fewest handshakes in flight, then fewest sessions, then by turns', () => {
    const { upstreams, added } = set('http://a:1', 'http://b:1');
    const [a, b] = added as [Upstream, Upstream];
    expect(new Set([upstreams.choose('free'), upstreams.choose('free')])).toEqual(new Set([a, b]));
    a.sessions = 5;
    expect(upstreams.choose('free')).toBe(b);
    b.pressure.send();
    expect(upstreams.choose('free')).toBe(a);
    a.up = false;
    expect(upstreams.choose('free')).toBe(b);
    b.up = false;
    expect(upstreams.choose('free')).toBeUndefined();
    expect(upstreams.available).toBe(false);
  });

  it('drains one that is taken away while it has sessions, and takes it up again', () => {
    const { upstreams, added } = set('http://a:1', 'http://b:1');
    const [a, b] = added as [Upstream, Upstream];
    b.sessions = 1;
    expect(upstreams.set(['http://a:1'])).toEqual({ added: [], dropped: [] });
    expect([b.active, upstreams.choose('free')]).toEqual([false, a]);
    expect(upstreams.set(['http://a:1', 'http://b:1']).added).toEqual([]);
    expect(b.active).toBe(true);
    upstreams.set(['http://a:1']);
    b.sessions = 0;
    expect(upstreams.dropIdle()).toEqual([b]);
    expect(upstreams.all).toEqual([a]);
  });

  it('sends what belongs to no session somewhere even when nothing is known to be up', () => {
    const { upstreams, added } = set('http://a:1');
    added[0]!.up = false;
    expect(upstreams.pick('sessionless', [], false)).toBe(added[0]);
  });
});

describe('parseUpstreams', () => {
  it('normalizes, and drops duplicates', () => {
    expect(parseUpstreams(' http://A:80/ , http://a\thttps://b/mcp/ ')).toEqual([
      'http://a',
      'https://b/mcp',
    ]);
  });

  it.each(['', 'localhost:3001', 'file:///etc', 'http://', 'http://u:p@h', 'http://h?x=1', 'http://h#f'])(
    'refuses "%s" and says what is accepted',
    (text) => {
      expect(() => parseUpstreams(text)).toThrow(expect.objectContaining({ code: 'E_BAD_VALUE' }));
    },
  );

  it('bounds their number', () => {
    const many = Array.from({ length: 65 }, (_, index) => `http://h${index}`).join(',');
    expect(() => parseUpstreams(many)).toThrow(expect.objectContaining({ code: 'E_BAD_VALUE' }));
  });
});
