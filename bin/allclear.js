#!/usr/bin/env node
// Starts the program on a Node that has what it needs. In a checkout the right Node comes with
// `npm ci` (the `node` package), so a host with an older one still works.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
// A guard makes much garbage and keeps hardly any of it: small collections hold calls up for half as long as large ones
// (docs/adr/0013-the-hot-path.md).
const flags =
  process.argv[2] === 'guard' &&
  ![...process.execArgv, process.env['NODE_OPTIONS']].join().includes('semi-space')
    ? ['--max-semi-space-size=8']
    : [];
const built = new URL('../dist/cli/main.js', import.meta.url);
const packaged = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));

if (!existsSync(built)) {
  process.stderr.write(
    'E_NOT_BUILT allclear is not built here\n  Run `npm ci`, or `npm run build` after a change.\n',
  );
  process.exitCode = 3;
} else if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  // Not where a channel to the parent would be lost with this image of the process.
  if (flags.length > 0 && process.execve && !process.channel) {
    const args = [...process.execArgv, ...flags, fileURLToPath(built), ...process.argv.slice(2)];
    process.execve(process.execPath, [process.execPath, ...args]);
  }
  await import(built.href);
} else if (existsSync(packaged)) {
  const { spawn } = await import('node:child_process');
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
  const child = spawn(packaged, [...flags, fileURLToPath(built), ...process.argv.slice(2)], { stdio });
  // The channel is a lifeline: when it closes, the program cleans up and ends, also when this process was killed.
  // Ctrl-C reaches the program by itself too, and must not count twice: hence no signal.
  const letGo = () => child.connected && child.disconnect();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, letGo);
  child.on('exit', (code, signal) => (signal ? process.kill(process.pid, signal) : process.exit(code ?? 3)));
} else {
  process.stderr.write(
    `E_NODE_TOO_OLD allclear needs Node ${NEEDED_MAJOR} or newer, this is ${process.versions.node}\n` +
      '  Install it, or run `npm install node@24` beside allclear.\n',
  );
  process.exitCode = 3;
}
