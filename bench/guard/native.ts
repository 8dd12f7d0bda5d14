/** nginx as the upstream that is never the bottleneck, and nginx and HAProxy as proxies to compare with. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ANSWER } from './calls.ts';
import { freePort, LOAD_CORE, PROXY_CORE, type Program, start } from './programs.ts';

/** Answers every request with the same small JSON, as a tool's result. */
export async function startUpstream(): Promise<Program> {
  const port = await freePort();
  const server = `
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location / { default_type application/json; return 200 '${ANSWER}'; }
    }`;
  return startNginx('nginx upstream', LOAD_CORE, port, server);
}

export async function startNginxProxy(upstream: Program): Promise<Program> {
  const port = await freePort();
  const server = `
    upstream mcp { server ${new URL(upstream.url).host}; keepalive 128; keepalive_requests 100000000; }
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location / { proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
    }`;
  return startNginx('nginx', PROXY_CORE, port, server);
}

export async function startHaproxy(upstream: Program): Promise<Program> {
  const port = await freePort();
  const config = `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:${port} backlog 4096
  default_backend mcp
backend mcp
  server one ${new URL(upstream.url).host}
`;
  const file = join(mkdtempSync(join(tmpdir(), 'allclear-bench-haproxy-')), 'haproxy.cfg');
  writeFileSync(file, config);
  return start({ name: 'haproxy', core: PROXY_CORE, port, command: ['haproxy', '-q', '-db', '-f', file] });
}

function startNginx(name: string, core: number, port: number, server: string): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-bench-nginx-'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ');
  const config = `
daemon off; master_process off; pid ${folder}/pid; error_log stderr error;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; ${temporary}
  ${server}
}
`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, config);
  return start({ name, core, port, command: ['nginx', '-p', folder, '-e', 'stderr', '-c', file] });
}
