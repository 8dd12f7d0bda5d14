/** `allclear mcp`: the MCP server for agents, on standard input and output. */
import { boundedWriter } from '../../app/bounded-writer.ts';
import { makeLog } from '../../app/make-log.ts';
import { serveLocalMcp } from '../../app/mcp.ts';
import { relay } from '../../app/mcp-relay.ts';
import { AllclearError } from '../../kernel/index.ts';
import type { Io } from '../io.ts';

export interface McpCommandOptions {
  readonly server?: string;
  readonly runbooks?: readonly string[];
  readonly scrape?: readonly string[];
  readonly prometheus?: string;
  readonly host?: readonly string[];
}

/** Runs until the client closes its end, Ctrl-C or SIGTERM. Nothing but the protocol goes to stdout. */
export async function mcpCommand(options: McpCommandOptions, io: Io): Promise<number> {
  const server = options.server ?? io.env['ALLCLEAR_SERVER'] ?? '';
  if (server === '') await local(options, io);
  else
    await relay({
      server,
      token: requireToken(io),
      input: process.stdin,
      write: (line) => io.out(`${line}\n`),
      signal: io.signal,
    });
  return 0;
}

async function local(options: McpCommandOptions, io: Io): Promise<void> {
  const notices = boundedWriter(process.stderr.fd, (count) => `${count} notices were dropped\n`);
  await serveLocalMcp({
    runbooks: options.runbooks ?? [],
    surroundings: options,
    env: io.env,
    cwd: io.cwd,
    log: makeLog('mcp', !process.stderr.isTTY, (line) => notices.write(line)),
    ended: new Promise((resolve) => {
      process.stdin.once('end', resolve).once('close', resolve);
      io.signal.addEventListener('abort', () => resolve());
    }),
  });
  await notices.end();
}

/** @throws AllclearError `E_UNAUTHORIZED` */
function requireToken({ env }: Io): string {
  const token = env['ALLCLEAR_TOKEN']?.trim() ?? '';
  if (token !== '') return token;
  throw new AllclearError('E_UNAUTHORIZED', {
    what: 'the server wants a token, and ALLCLEAR_TOKEN is not set',
    next: 'Make one for the agent on the server, `allclear token create --owner AGENT --role responder`, and set it.',
  });
}
