// Four kinds of tests: unit (one module or a few), sim (many nodes over a seeded network), attacks (the quick part of the
// catalogue), e2e (real processes). Some of the last take minutes: those are run by `npm run test:long`.
import { defineConfig } from 'vitest/config';

const LONG = ['test/e2e/{bench,demo-dash,epoch,kill,rotation,carriers,gap-crash}.e2e.test.ts'];

export default defineConfig({
  test: {
    // Two cores are the reference machine: more workers than that only make sockets and timers late.
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      // What decides about bytes and keys is tested branch by branch; `npm run coverage` fails below this.
      include: ['protocols/**/*.ts', 'certs/**/*.ts'],
      reporter: ['text', 'json', 'json-summary'],
      thresholds: {
        'protocols/**': { branches: 95 },
        'certs/**': { branches: 95 },
      },
    },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{protocols,certs,node,tui}/**/*.test.ts'],
          // Modules keep nothing between tests: loading them anew for each file was a quarter of the time.
          isolate: false,
          testTimeout: 20_000,
          // Keys are made in them, which takes as long as chance wants.
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'sim', include: ['test/sim/**/*.sim.test.ts'], testTimeout: 180_000 } },
      {
        test: { name: 'attacks', include: ['test/attacks/*.test.ts'], testTimeout: 130_000 },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: LONG,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'long',
          include: LONG,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
