/**
 * `node session-server.ts PORT`: the least that a server with sessions is. POST answers with the same small JSON and,
 * for initialize, with a new session; GET opens an event stream that stays silent.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { argv } from 'node:process';
import { ANSWER } from './calls.ts';

const HEADERS = { 'content-type': 'application/json', 'content-length': ANSWER.length };

createServer((req, res) => {
  if (req.method === 'GET') {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(': open\n\n');
    return;
  }
  let opens = false;
  req.on('data', (chunk: Buffer) => {
    opens ||= chunk.includes('"initialize"');
  });
  req.on('end', () => {
    res.writeHead(200, opens ? { ...HEADERS, 'mcp-session-id': randomUUID() } : HEADERS);
    res.end(ANSWER);
  });
}).listen({ port: Number(argv[2]), host: '127.0.0.1', backlog: 4096 });
