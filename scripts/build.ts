/**
 * `npm run build`: bundles src into dist.
 *
 * Few files instead of hundreds, because a small command spends most of its time loading modules. Programs
 * of their own (the command line, the lab's processes) keep their names; everything else becomes chunks that
 * load when a command needs them. Packages stay packages, but for those that every small command loads.
 */
import { build } from 'rolldown';

/** Finding these on disk costs as much as running them. */
const BUNDLED = new Set(['commander', 'markdown-it/browser']);

await build({
  input: {
    'cli/main': 'src/cli/main.ts',
    'lab/upstream-main': 'src/lab/upstream-main.ts',
    'lab/upstream-metrics-main': 'src/lab/upstream-metrics-main.ts',
    'lab/fleet-main': 'src/lab/fleet-main.ts',
    'lab/timeout-spiral/dependency-main': 'src/lab/timeout-spiral/dependency-main.ts',
    'lab/timeout-spiral/agents-main': 'src/lab/timeout-spiral/agents-main.ts',
    'lab/token-cascade/auth-server-main': 'src/lab/token-cascade/auth-server-main.ts',
    'lab/token-cascade/resource-server-main': 'src/lab/token-cascade/resource-server-main.ts',
    'lab/token-cascade/signed-in-fleet-main': 'src/lab/token-cascade/signed-in-fleet-main.ts',
  },
  platform: 'node',
  external: (id) => id.startsWith('node:') || (/^[^./]/.test(id) && !BUNDLED.has(id)),
  output: {
    dir: 'dist',
    format: 'esm',
    // One level below dist, as in src: relative paths to runbooks/ and bin/ hold in both.
    chunkFileNames: 'chunks/[name]-[hash].js',
    entryFileNames: '[name].js',
    sourcemap: true,
    cleanDir: true,
  },
});
