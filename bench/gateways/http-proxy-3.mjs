// `node http-proxy-3.mjs UPSTREAM PORT`: http-proxy-3 with an agent that keeps connections, without which it
// would open one for each request.
import { Agent, createServer } from 'node:http';
import { createProxyServer } from 'http-proxy-3';

const [, , target, port] = process.argv;
const proxy = createProxyServer({ target, agent: new Agent({ keepAlive: true }) });
proxy.on('error', (_error, _req, res) => res.destroy());
createServer((req, res) => proxy.web(req, res)).listen(Number(port), '127.0.0.1');
