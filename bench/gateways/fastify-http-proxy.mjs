// `node fastify-http-proxy.mjs UPSTREAM PORT`: @fastify/http-proxy as its documentation sets it up.
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const [, , upstream, port] = process.argv;
const app = fastify();
app.register(proxy, { upstream });
await app.listen({ port: Number(port), host: '127.0.0.1' });
