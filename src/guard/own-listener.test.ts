import { describe, expect, it } from 'vitest';
import { refuseOwnListener } from './own-listener.ts';

describe('an upstream', () => {
  it.each([
    ['http://127.0.0.1:8080/mcp', 'http://127.0.0.1:8080'],
    ['http://localhost:8080', 'http://127.0.0.1:8080'],
    ['http://127.0.0.1:8080', 'http://0.0.0.0:8080'],
    ['http://[::1]:8080', 'http://[::]:8080'],
    ['http://10.0.0.5', 'http://10.0.0.5:80'],
    ['https://10.0.0.5', 'https://10.0.0.5:443'],
  ])('%s is refused by the guard that listens on %s', (upstream, own) => {
    expect(() => refuseOwnListener(['http://good:1', upstream], [own], '--upstream')).toThrow(
      `--upstream ${upstream} is where this guard listens itself`,
    );
  });

  it.each([
    ['http://127.0.0.1:3001', 'http://127.0.0.1:8080'],
    ['http://10.0.0.5:8080', 'http://127.0.0.1:8080'],
    ['http://10.0.0.5:8080', 'http://0.0.0.0:8080'],
  ])('%s is none of the guard that listens on %s', (upstream, own) => {
    expect(() => refuseOwnListener([upstream], [own], '--upstream')).not.toThrow();
  });
});
