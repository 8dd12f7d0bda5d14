import { defineConfig } from 'vitest/config';

/** They take all there is of the processor: one at a time, so that they measure the program and not each other. */
const SATURATING = ['drill', 'faults', 'alertmanager'].map((name) => `test/e2e/${name}.test.ts`);
/** They watch for minutes what a few clients do: two of them fit beside each other, and nothing else does. */
const WATCHING = ['drill-*', 'lab', 'lab-*'].map((name) => `test/e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'bin/**/*.test.ts', 'scripts/**/*.test.ts'],
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: [...SATURATING, ...WATCHING],
          globalSetup: 'test/build-program.ts',
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e-watching',
          include: WATCHING,
          globalSetup: 'test/build-program.ts',
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e-alone',
          include: SATURATING,
          globalSetup: 'test/build-program.ts',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
