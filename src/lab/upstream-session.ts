import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { z } from 'zod';

/** One schema compiler for all sessions: it costs more CPU than the rest of a session together. */
const validator = new AjvJsonSchemaValidator();

const query = { query: z.string().max(1000) };
const word = { word: z.string().max(1000) };

/** What the tool `search` does: the text it answers with. */
export type Search = (query: string) => Promise<string>;

/** The lab's MCP server for one session: `search`, and `lookup`, which needs nobody else. */
function createSessionServer(search: Search): McpServer {
  const server = new McpServer(
    { name: 'lab-upstream', version: '1.0.0' },
    { jsonSchemaValidator: validator },
  );
  // The handler gets a signal that aborts when the call is cancelled. Like most, it does not look at it.
  server.registerTool(
    'search',
    { description: 'Searches the lab', inputSchema: query, annotations: { readOnlyHint: true } },
    async (input) => ({ content: [{ type: 'text', text: await search(input.query) }] }),
  );
  server.registerTool(
    'lookup',
    { description: 'Looks up a word', inputSchema: word, annotations: { readOnlyHint: true } },
    (input) => ({ content: [{ type: 'text', text: `${input.word}: a word` }] }),
  );
  return server;
}

/** The sessions of one upstream, in memory only: they end by DELETE or with the process. */
export class Sessions {
  readonly #search: Search;
  readonly #transports = new Map<string, StreamableHTTPServerTransport>();

  constructor(search: Search) {
    this.#search = search;
  }

  get size(): number {
    return this.#transports.size;
  }

  get(id: string): StreamableHTTPServerTransport | undefined {
    return this.#transports.get(id);
  }

  /** A transport with its own server, that joins the sessions once its initialize is answered. */
  async open(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void this.#transports.set(id, transport),
      onsessionclosed: (id) => void this.#transports.delete(id),
    });
    await createSessionServer(this.#search).connect(transport);
    return transport;
  }
}
