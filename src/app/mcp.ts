/** `allclear mcp`: what agents see and do, on standard input and output. */
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Actor, Desk } from '../engine/index.ts';
import { type Log, systemClock } from '../kernel/index.ts';
import { announce } from '../notify/index.ts';
import { makeMcpServer } from '../server/index.ts';
import { sharedSettings } from './desk-settings.ts';
import { actorName, locateHome, openHomeStore } from './home.ts';
import { openLibrary } from './library.ts';
import { Parts } from './parts.ts';
import { openAgents } from './service-agents.ts';
import type { SurroundingsOptions } from './surroundings.ts';
import { VERSION } from './version.ts';

export interface McpOptions {
  /** Files and folders; none: `./runbooks` when there is one, else the shipped ones. */
  readonly runbooks: readonly string[];
  readonly surroundings: SurroundingsOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly log: Log;
  /** Resolves when the client has gone, or somebody wants it to stop. */
  readonly ended: Promise<void>;
}

/** Serves the store and the runbooks of this machine. Errors: those of the library and of the store. */
export async function serveLocalMcp(options: McpOptions): Promise<void> {
  const { env, cwd, log, surroundings } = options;
  const clock = systemClock;
  const parts = new Parts();
  try {
    const store = await openHomeStore(locateHome(env, cwd));
    parts.add(() => store.close());
    const library = await openLibrary({ paths: options.runbooks, cwd, clock, log });
    parts.add(() => library.close());
    const settings = await sharedSettings(store);
    const desk: Desk = { store, clock, library, ...settings, secrets: [], onChange: announce };
    const agents = await openAgents({ desk, surroundings, sites: null, env, cwd });
    parts.add(() => agents.close());
    const actor: Actor = { name: actorName(env), role: 'responder', via: 'agent' };
    const handle = serveStdio(() => makeMcpServer({ desk: agents.desk, actor }, VERSION));
    parts.add(() => handle.close());
    await options.ended;
  } finally {
    await parts.stop();
  }
}
