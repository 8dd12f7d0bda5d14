/**
 * The small `tools/call` of each era, with the headers that the official clients send. Requests go out for many
 * clients by turns, as in life: the same call of the same client many times at once would be a retry.
 */

export const CLIENTS = 256;

/** What the tool says. */
export const ANSWER =
  '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"The weather in Paris is sunny, 22 degrees."}]}}';

export interface Call {
  readonly path: string;
  /** `CLIENT` in a header or in the body stands for the number of the client, from 100 to 355. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const COMMON = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'accept-language': '*',
  'accept-encoding': 'gzip, deflate',
  'sec-fetch-mode': 'cors',
  'user-agent': 'node',
};

const params = { name: 'weather', arguments: { city: 'Paris', station: 'CLIENT' } };

/** Up to 2025-11-25: within a session. */
export const sessionCall: Call = {
  path: '/mcp',
  headers: {
    ...COMMON,
    'mcp-session-id': '6f1b1d0e-6c53-4a7e-9a43-3f3a2f9f4CLIENT',
    'mcp-protocol-version': '2025-11-25',
  },
  body: JSON.stringify({ method: 'tools/call', params, jsonrpc: '2.0', id: 1 }),
};

/** 2026-07-28: stateless. */
export const statelessCall: Call = {
  path: '/mcp',
  headers: {
    ...COMMON,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'weather',
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      ...params,
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }),
};

/** The same call as one client makes it. @param client from 0 to CLIENTS - 1 */
function asClient(call: Call, client: number): Call {
  const number = String(100 + client);
  const text = JSON.stringify(call).replaceAll('CLIENT', number);
  return JSON.parse(text) as Call;
}

/** The tool `echo` of server-everything, within a session; the ids of calls that are in progress differ. */
export function everythingCall(session: string): Call {
  return {
    path: '/mcp',
    headers: { ...COMMON, 'mcp-session-id': session, 'mcp-protocol-version': '2025-06-18' },
    body: `{"method":"tools/call","params":{"name":"echo","arguments":{"message":"CLIENT"}},"jsonrpc":"2.0","id":CLIENT}`,
  };
}

/** The whole request as text. Its headers have one order: a server learns the shapes of what it gets. */
export function requestText(host: string, call: Call, client: number): string {
  const { path, headers, body } = asClient(call, client);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n${body}`;
}
