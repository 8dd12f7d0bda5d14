/** The small `tools/call` of each era, with the headers that the official clients send. */

export interface Call {
  readonly path: string;
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

const params = { name: 'weather', arguments: { city: 'Paris' } };

/** Up to 2025-11-25: within a session. */
export const sessionCall: Call = {
  path: '/mcp',
  headers: {
    ...COMMON,
    'mcp-session-id': '6f1b1d0e-6c53-4a7e-9a43-3f3a2f9f4f10',
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
