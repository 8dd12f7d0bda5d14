import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { actorName, locateHome } from './home.ts';

describe('the home', () => {
  it('is .allclear in the current folder unless ALLCLEAR_HOME says otherwise', () => {
    expect(locateHome({}, '/srv/ops')).toMatchObject({
      folder: '/srv/ops/.allclear',
      storeLocation: '/srv/ops/.allclear/allclear.db',
    });
    expect(locateHome({ ALLCLEAR_HOME: 'state' }, '/srv/ops').folder).toBe('/srv/ops/state');
    expect(locateHome({ ALLCLEAR_HOME: '' }, '/srv/ops').folder).toBe('/srv/ops/.allclear');
  });

  it('keeps the store where ALLCLEAR_STORE says, as a path or a URL', () => {
    expect(locateHome({ ALLCLEAR_STORE: 'x.db' }, '/srv').storeLocation).toBe('/srv/x.db');
    expect(locateHome({ ALLCLEAR_STORE: 'postgres://db/x' }, '/srv').storeLocation).toBe('postgres://db/x');
  });

  it('never leads a proposed update out of its folder, whatever the runbook calls itself', () => {
    const home = locateHome({}, '/srv');
    const file = home.updateFile('../../inc', '../../../etc/passwd');
    expect(file.startsWith(join(home.folder, 'updates'))).toBe(true);
    expect(file).not.toContain('..');
  });
});

describe('the actor', () => {
  it('is who ALLCLEAR_ACTOR says, else the user', () => {
    expect(actorName({ ALLCLEAR_ACTOR: ' ada ', USER: 'root' })).toBe('ada');
    expect(actorName({ ALLCLEAR_ACTOR: ' ', USER: 'grace' })).toBe('grace');
    expect(actorName({})).not.toBe('');
  });
});
