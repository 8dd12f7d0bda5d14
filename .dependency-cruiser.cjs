/**
 * The layers of docs/architecture.md, as rules. A room imports only rooms of a lower layer, and only
 * through their index.ts; type imports count. scripts/check-layers.ts runs this, with a canary.
 */
const layers = [
  ['kernel'],
  ['runbook', 'metrics', 'store'],
  ['engine', 'guard'],
  ['intake', 'lab', 'notify'],
  ['server'],
  ['app'],
  ['cli'],
];

const forbidden = [
  { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'no-unresolvable',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'rooms-through-their-index',
    severity: 'error',
    comment:
      "Another room's files are its own business: import its index.ts. The composition root has a file per " +
      'command instead of an index, so that a command loads only what it needs.',
    from: { path: '(^|/)src/([^/]+)/' },
    to: {
      path: '(^|/)src/([^/]+)/',
      pathNot: ['(^|/)src/$2/', '(^|/)src/[^/]+/index\\.ts$', '(^|/)src/app/'],
    },
  },
  {
    name: 'kernel-does-no-io',
    severity: 'error',
    from: { path: '(^|/)src/kernel/', pathNot: '\\.test\\.ts$' },
    to: { path: '^(node:)?(fs|http|https|net|child_process|sqlite)' },
  },
  {
    name: 'runbook-is-pure',
    severity: 'error',
    from: { path: '(^|/)src/runbook/', pathNot: '\\.test\\.ts$' },
    to: { path: '^(node:)?(fs|fs/promises|http|https|net|child_process|sqlite)$' },
  },
];

layers.forEach((rooms, level) => {
  const allowed = layers.slice(0, level).flat();
  for (const room of rooms) {
    forbidden.push({
      name: `${room}-imports-only-lower-layers`,
      severity: 'error',
      from: { path: `(^|/)src/${room}/` },
      to: { path: '(^|/)src/[^/]+/', pathNot: [room, ...allowed].map((name) => `(^|/)src/${name}/`) },
    });
  }
});

module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
    parser: 'swc',
  },
};
