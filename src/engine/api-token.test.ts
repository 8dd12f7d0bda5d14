import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../kernel/index.ts';
import { findToken, listTokens, openStore, type Store } from '../store/index.ts';
import { makeToken, revokeToken, TOKEN_SECONDS, tokenActor } from './api-token.ts';
import { redact } from './redact.ts';

const clock = new TestClock();
let store: Store;
beforeEach(async () => {
  store = await openStore(':memory:', { clock });
});
afterEach(() => store.close());

const ada = { owner: 'ada', role: 'approver', label: 'laptop', seconds: TOKEN_SECONDS } as const;

describe('an API token', () => {
  it('stands for its owner with its role, and is itself nowhere in the store', async () => {
    const { token, record } = await makeToken(store, ada, 'root');
    expect(token).toMatch(/^allclear_[\w-]{43}$/);
    expect(await tokenActor(store, token)).toEqual({ name: 'ada', role: 'approver', via: 'token' });
    expect(record).toMatchObject({ owner: 'ada', madeBy: 'root', expiresAt: clock.now() + 90 * 86_400_000 });
    const rows = await store.db.selectFrom('tokens').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(token.slice('allclear_'.length));
    expect(redact(`found ${token} in a log`)).toBe('found [redacted] in a log');
  });

  it('is refused once it has expired, to the millisecond', async () => {
    const { token } = await makeToken(store, { ...ada, seconds: 60 }, 'root');
    await clock.advance(59_999);
    await tokenActor(store, token);
    await clock.advance(1);
    await expect(tokenActor(store, token)).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: expect.stringMatching(/expired/),
    });
  });

  it('never ends when it is so wished', async () => {
    const { token } = await makeToken(store, { ...ada, seconds: null }, 'root');
    await clock.advance(10 * 365 * 86_400_000);
    expect(await tokenActor(store, token)).toMatchObject({ name: 'ada' });
  });

  it('is refused from the moment it is revoked; who did it first stays written', async () => {
    const { token, record } = await makeToken(store, ada, 'root');
    await revokeToken(store, record.id, 'eve');
    await expect(tokenActor(store, token)).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: expect.stringMatching(/revoked/),
    });
    expect(await revokeToken(store, record.id, 'mallory')).toMatchObject({ revokedBy: 'eve' });
    await expect(revokeToken(store, 'tok-none', 'eve')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it.each(['', 'allclear_', `allclear_${'A'.repeat(43)}`, `Allclear_${'A'.repeat(43)}`, 'x'.repeat(10_000)])(
    'that nobody made is not known: %.20s',
    async (text) => {
      await expect(tokenActor(store, text)).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
    },
  );

  it('that lost or gained a character is not known', async () => {
    const { token } = await makeToken(store, ada, 'root');
    for (const wrong of [token.slice(0, -1), `${token}A`, ` ${token}`, token.toUpperCase()])
      await expect(tokenActor(store, wrong)).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
  });

  it('has its last use written down at most once a minute', async () => {
    const { token, record } = await makeToken(store, ada, 'root');
    const used = async () => (await findToken(store.db, record.id))?.usedAt;
    expect(await used()).toBeNull();
    const first = clock.now();
    await tokenActor(store, token);
    await clock.advance(59_000);
    await tokenActor(store, token);
    expect(await used()).toBe(first);
    await clock.advance(1_000);
    await tokenActor(store, token);
    expect(await used()).toBe(first + 60_000);
  });

  it('is listed, newest first', async () => {
    await makeToken(store, ada, 'root');
    await clock.advance(1);
    await makeToken(store, { ...ada, owner: 'ben', label: '' }, 'root');
    expect((await listTokens(store.db)).map(({ owner }) => owner)).toEqual(['ben', 'ada']);
  });

  it.each(['', '  ', 'a\nb', 'a\u001b[31m', 'a\u202eb', 'x'.repeat(201)])(
    'is not made for an owner called %j',
    async (owner) => {
      await expect(makeToken(store, { ...ada, owner }, 'root')).rejects.toMatchObject({
        code: 'E_BAD_VALUE',
      });
    },
  );
});
