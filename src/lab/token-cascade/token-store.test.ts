import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { createTokenStore } from './token-store.ts';

describe('the store of the authorization server', () => {
  it('finds what was written until it expires', async () => {
    const clock = new TestClock();
    const store = createTokenStore(clock)('RefreshToken');
    await store.upsert('one', { accountId: 'somebody' }, 10);
    await store.upsert('for ever', {}, undefined);
    await clock.advance(9_999);
    expect(await store.find('one')).toEqual({ accountId: 'somebody' });
    await clock.advance(1);
    expect(await store.find('one')).toBeUndefined();
    expect(await store.find('for ever')).toEqual({});
  });

  it('marks what was used, and ends a whole grant at once', async () => {
    const clock = new TestClock();
    const stores = createTokenStore(clock);
    const [refresh, code] = [stores('RefreshToken'), stores('AuthorizationCode')];
    await refresh.upsert('used', { grantId: 'g' }, 60);
    await refresh.upsert('fresh', { grantId: 'g' }, 60);
    await refresh.upsert('of another', { grantId: 'h' }, 60);
    await code.upsert('used', { grantId: 'g' }, 60);
    await refresh.consume('used');
    expect(await refresh.find('used')).toMatchObject({ consumed: clock.now() / 1000 });
    expect(await code.find('used')).not.toHaveProperty('consumed');
    await refresh.revokeByGrantId('g');
    expect(await Promise.all([refresh.find('used'), refresh.find('fresh'), code.find('used')])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(await refresh.find('of another')).toBeDefined();
  });

  it('forgets no grant that is in use, however many there are', async () => {
    const grants = createTokenStore(new TestClock())('Grant');
    for (let number = 0; number < 3000; number++) await grants.upsert(`${number}`, {}, 60);
    expect(await grants.find('0')).toEqual({});
  });
});
