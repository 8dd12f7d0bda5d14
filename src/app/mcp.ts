/** `allclear mcp`: what agents see and do, on standard input and output. */
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { type Actor, type Desk, type Surroundings, sandboxSettings } from '../engine/index.ts';
import { type Log, systemClock } from '../kernel/index.ts';
import { announce } from '../notify/index.ts';
import { makeMcpServer } from '../server/index.ts';
import { createAgentDesk } from './agent-desk.ts';
import { sharedSettings } from './desk-settings.ts';
import { actorName, locateHome, openHomeStore } from './home.ts';
import { openLibrary } from './library.ts';
import { openSandbox } from './sandbox.ts';
import { openSurroundings, type SurroundingsOptions } from './surroundings.ts';
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
  const { env, cwd, log } = options;
  const clock = systemClock;
  const store = await openHomeStore(locateHome(env, cwd));
  const library = await openLibrary({ paths: options.runbooks, cwd, clock, log });
  const opened = await openSurroundings(options.surroundings, { env, cwd, clock });
  try {
    const settings = await sharedSettings(store);
    const desk: Desk = { store, clock, library, ...settings, secrets: [], onChange: announce };
    const agentDesk = createAgentDesk({
      desk,
      surroundings: sandboxed(opened.surroundings),
      serves: () => true,
    });
    const actor: Actor = { name: actorName(env), role: 'responder', via: 'agent' };
    const handle = serveStdio(() => makeMcpServer({ desk: agentDesk, actor }, VERSION));
    await options.ended;
    await handle.close();
  } finally {
    await opened.close();
    library.close();
    await store.close();
  }
}

/** Tried when the first diagnosis is wanted. */
export function sandboxed(surroundings: Surroundings): () => Promise<Surroundings> {
  let made: Promise<Surroundings> | null = null;
  return () => {
    made ??= openSandbox(sandboxSettings.parse({})).then((sandbox) => ({ ...surroundings, sandbox }));
    return made;
  };
}
