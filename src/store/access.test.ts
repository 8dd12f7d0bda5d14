import { beforeEach, describe, expect, it } from 'vitest';
import { onEachStore } from '../../test/stores.ts';
import {
  countLogins,
  extendLogin,
  findLogin,
  insertLogin,
  type LoginRecord,
  removeExpiredLogins,
  takeLogin,
} from './logins.ts';
import type { Store } from './store.ts';
import {
  credentialHash,
  findToken,
  findTokenByHash,
  insertToken,
  listTokens,
  markTokenRevoked,
  markTokenUsed,
} from './tokens.ts';

const token = (id: string, at = 1_000) => ({
  id,
  owner: 'ada',
  label: 'laptop',
  role: 'viewer',
  hash: credentialHash(id),
  at,
  by: 'root',
  expiresAt: null,
});
const login = (name: string, changes: Partial<LoginRecord> = {}): LoginRecord => ({
  hash: credentialHash(name),
  kind: 'pending',
  owner: null,
  role: null,
  data: { state: 'x' },
  madeAt: 1_000,
  expiresAt: 2_000,
  ...changes,
});

onEachStore('who may come in', (fresh) => {
  let store: Store;
  beforeEach(async () => {
    store = await fresh.open();
  });

  describe('tokens', () => {
    it('are found by id and by hash, and listed newest first', async () => {
      await store.write(async (tx) => {
        await insertToken(tx, token('tok-1'));
        await insertToken(tx, token('tok-2', 2_000));
      });
      const found = await findTokenByHash(store.db, credentialHash('tok-1'));
      expect(found).toEqual(await findToken(store.db, 'tok-1'));
      expect(found).toMatchObject({ owner: 'ada', madeAt: 1_000, expiresAt: null, usedAt: null });
      expect((await listTokens(store.db)).map(({ id }) => id)).toEqual(['tok-2', 'tok-1']);
      expect(await findTokenByHash(store.db, 'tok-1')).toBeNull();
    });

    it('are revoked once, whoever comes first', async () => {
      await store.write((tx) => insertToken(tx, token('tok-1')));
      const other = await fresh.open();
      const tries = [store, other, store, other].map((one, n) =>
        one.write((tx) => markTokenRevoked(tx, 'tok-1', { at: 5_000, by: `admin ${n}` })),
      );
      expect((await Promise.all(tries)).filter(Boolean)).toEqual([true]);
      expect(await store.write((tx) => markTokenRevoked(tx, 'none', { at: 1, by: 'x' }))).toBe(false);
      expect(await findToken(store.db, 'tok-1')).toMatchObject({ revokedAt: 5_000 });
    });

    it('remember when they were used', async () => {
      await store.write((tx) => insertToken(tx, token('tok-1')));
      await store.write((tx) => markTokenUsed(tx, 'tok-1', 1_795_358_706_971));
      expect(await findToken(store.db, 'tok-1')).toMatchObject({ usedAt: 1_795_358_706_971 });
    });
  });

  describe('log-ins', () => {
    it('on the way are taken once, by one of those who try', async () => {
      await store.write((tx) => insertLogin(tx, login('a')));
      const other = await fresh.open();
      const tries = [store, other, store, other].map((one) =>
        one.write((tx) => takeLogin(tx, credentialHash('a'), 'pending')),
      );
      const taken = (await Promise.all(tries)).filter((one) => one !== null);
      expect(taken).toEqual([login('a')]);
    });

    it('of the other kind are not taken', async () => {
      await store.write((tx) => insertLogin(tx, login('a')));
      expect(await store.write((tx) => takeLogin(tx, credentialHash('a'), 'open'))).toBeNull();
      expect(await findLogin(store.db, credentialHash('a'))).toEqual(login('a'));
    });

    it('end, and are forgotten', async () => {
      const open = { kind: 'open', owner: 'ada', role: 'viewer', expiresAt: 3_000 } as const;
      await store.write(async (tx) => {
        await insertLogin(tx, login('a'));
        await insertLogin(tx, login('b', open));
        await insertLogin(tx, login('c', open));
        await extendLogin(tx, credentialHash('c'), 4_000);
      });
      expect([await countLogins(store.db, 'pending'), await countLogins(store.db, 'open')]).toEqual([1, 2]);
      await store.write((tx) => removeExpiredLogins(tx, 3_000));
      expect(await findLogin(store.db, credentialHash('b'))).toBeNull();
      expect(await findLogin(store.db, credentialHash('c'))).toMatchObject({
        owner: 'ada',
        expiresAt: 4_000,
      });
    });
  });
});
