// Three kinds of tests: unit (one module or a few), sim (many nodes over a seeded network), e2e (real processes).
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Two cores are the reference machine: more workers than that only make sockets and timers late.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{protocols,certs,node,tui}/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      { test: { name: 'sim', include: ['test/sim/**/*.sim.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
