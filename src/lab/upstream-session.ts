import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { z } from 'zod';

/** One schema compiler for all sessions: it costs more CPU than the rest of a session together. */
const validator = new AjvJsonSchemaValidator();

const query = { query: z.string().max(1000) };
const text = { text: z.string().max(1000) };

/** The lab's MCP server for one session, with two harmless tools. */
function createSessionServer(): McpServer {
  const server = new McpServer(
    { name: 'lab-upstream', version: '1.0.0' },
    { jsonSchemaValidator: validator },
  );
  server.registerTool('search', { description: 'Searches the lab', inputSchema: query }, (input) => ({
    content: [{ type: 'text', text: `nothing found for ${input.query}` }],
  }));
  server.registerTool('echo', { description: 'Says it again', inputSchema: text }, (input) => ({
    content: [{ type: 'text', text: input.text }],
  }));
  return server;
}

/** The sessions of one upstream, in memory only: they end by DELETE or with the process. */
export class Sessions {
  readonly #transports = new Map<string, StreamableHTTPServerTransport>();

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
    await createSessionServer().connect(transport);
    return transport;
  }
}
