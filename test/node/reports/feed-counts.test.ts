import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../../node/reports/counted.ts';
import { listDeployments, parsePlace } from '../../../node/reports/deployment-list.ts';
import {
  type DeploymentQuestion,
  reportDeployments,
} from '../../../node/reports/deployment-report.ts';
import { COUNT_TABLES, FeedCounts } from '../../../node/reports/feed-counts.ts';
import { RowCache } from '../../../node/reports/row-cache.ts';
import { logPrefix, tableRange } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { Store } from '../../../node/store/store.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import type { Deployment } from '../../../protocols/reports.ts';
import { Trouble } from '../feed/sample-feed.ts';
import { recount, type Told } from './recount.ts';

const PREFIX = logPrefix(Buffer.alloc(16, 7), 1);
const TAIL = Buffer.alloc(32, 1);
const START = Date.parse('2026-03-01T00:00:00Z');
const LATER = Date.parse('2030-01-01T00:00:00Z');

const countsIn = (store: Store, cache?: RowCache) =>
  new FeedCounts(store, PREFIX, 'deployments', cache);

/** One step in the life of a feed: a new item, a correction, a withdrawal, or something that is no deployment. */
const step = fc.record({
  item: fc.integer({ min: 0, max: 25 }),
  kind: fc.constantFrom('deploy', 'deploy', 'deploy', 'deploy', 'withdraw', 'nonsense', 'file'),
  project: fc.constantFrom('web', 'cards', 'labels'),
  environment: fc.constantFrom('test', 'production'),
  outcome: fc.constantFrom('ok' as const, 'failed' as const, 'cancelled' as const),
  // Two weeks, with many at the very edges of hours and days.
  endedMs: fc.oneof(
    fc.integer({ min: START, max: START + 14 * 86_400_000 }),
    fc.integer({ min: 0, max: 14 * 24 }).map((hours) => START + hours * 3_600_000),
  ),
  tookMs: fc.integer({ min: 0, max: 5_000_000 }),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function deploymentOf(s: Step): Deployment {
  const { project, environment, outcome, endedMs, tookMs } = s;
  return {
    ...{ id: `task ${s.item}`, project, release: '1.0', environment, outcome },
    startedAt: new Date(endedMs - tookMs).toISOString(),
    endedAt: new Date(endedMs).toISOString(),
    by: 'Bob',
  };
}

/** The log of the steps, and what the newest versions of its items say. */
function play(steps: readonly Step[]): { changes: Change[]; told: Told[]; wrong: number } {
  const versions = new Map<string, number>();
  const newest = new Map<string, Told | 'wrong'>();
  const changes = steps.map((s, index): Change => {
    const item = `task ${s.item}`;
    const version = (versions.get(item) ?? 0) + 1;
    versions.set(item, version);
    const common = { index, item, version, timeMs: LATER };
    newest.delete(item);
    if (s.kind === 'withdraw') return { ...common, body: null };
    newest.set(item, 'wrong');
    if (s.kind === 'file') return { ...common, body: 'file' };
    if (s.kind === 'nonsense') return { ...common, body: { payload: { project: s.project } } };
    const deployment = deploymentOf(s);
    newest.set(item, { space: 'payments', deployment });
    return { ...common, body: { payload: deployment } };
  });
  const values = [...newest.values()];
  const told = values.filter((value) => value !== 'wrong');
  return { changes, told, wrong: values.length - told.length };
}

async function foldIn(counts: FeedCounts, changes: readonly Change[], sizes: readonly number[]) {
  let at = 0;
  for (let i = 0; at < changes.length; i++) {
    const end = Math.min(changes.length, at + (sizes[i % sizes.length] ?? 7));
    await counts.fold(changes.slice(at, end), end, TAIL);
    at = end;
  }
}

async function rowsOf(store: Store): Promise<string[]> {
  const rows: string[] = [];
  for (const table of COUNT_TABLES)
    for await (const { key, value } of store.range(tableRange(table, PREFIX)))
      rows.push(`${key.toString('hex')} ${value.toString('hex')}`);
  return rows;
}

const steps = fc.array(step, { maxLength: 80 });
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 });
const question = fc
  .record({
    sinceMs: fc.integer({ min: START - 86_400_000, max: START + 14 * 86_400_000 }),
    lengthMs: fc.oneof(
      fc.integer({ min: 1, max: 20 * 86_400_000 }),
      fc.integer({ min: 1, max: 48 }).map((hours) => hours * 3_600_000),
    ),
    by: fc.constantFrom('space' as const, 'project' as const, 'environment' as const),
    project: fc.constantFrom(undefined, undefined, 'web', 'unheard-of'),
    environment: fc.constantFrom(undefined, undefined, 'production'),
  })
  .map(
    ({ sinceMs, lengthMs, ...rest }): DeploymentQuestion => ({
      ...rest,
      sinceMs,
      untilMs: sinceMs + lengthMs,
    }),
  );

describe('the counts of a feed', () => {
  it('give the report that counting every entry gives, for any log and any window', async () => {
    await fc.assert(
      fc.asyncProperty(steps, sizes, fc.array(question, { minLength: 1, maxLength: 6 }), check),
      { numRuns: 150 },
    );
    async function check(s: Step[], parts: number[], questions: DeploymentQuestion[]) {
      const counts = countsIn(new MemoryStore());
      const { changes, told, wrong } = play(s);
      await foldIn(counts, changes, parts);
      expect(await counts.cursor()).toMatchObject({ counted: told.length, uncounted: wrong });
      expect(await counts.uncounted(1000)).toHaveLength(wrong);
      for (const asked of questions) {
        const report = await reportDeployments([{ space: 'payments', counts }], asked);
        expect(report).toEqual(recount(told, asked, ['payments']));
      }
    }
  });

  it('give it as well when the same was asked before, whatever was counted since and however little is kept', async () => {
    const room = fc.constantFrom(0, 500, 5_000, 1_000_000);
    await fc.assert(
      fc.asyncProperty(
        steps,
        sizes,
        fc.array(question, { minLength: 1, maxLength: 4 }),
        room,
        check,
      ),
      { numRuns: 100 },
    );
    async function check(
      s: Step[],
      parts: number[],
      questions: DeploymentQuestion[],
      maxBytes: number,
    ) {
      const cache = new RowCache(maxBytes);
      const counts = countsIn(new MemoryStore(), cache);
      const { changes } = play(s);
      const feeds = [{ space: 'payments', counts }];
      for (let at = 0, i = 0; at < changes.length; i++) {
        const end = Math.min(changes.length, at + (parts[i % parts.length] ?? 7));
        await counts.fold(changes.slice(at, end), end, TAIL);
        const { told } = play(s.slice(0, end));
        for (const asked of questions)
          expect(await reportDeployments(feeds, asked)).toEqual(recount(told, asked, ['payments']));
        expect(cache.bytes).toBeLessThanOrEqual(maxBytes);
        at = end;
      }
      await counts.clear();
      expect(cache.bytes).toBe(0);
    }
  });

  it('open every figure to exactly its entries, page by page', async () => {
    const filter = fc.record({
      outcome: fc.constantFrom(undefined, 'ok' as const, 'failed' as const),
      project: fc.constantFrom(undefined, 'web'),
      environment: fc.constantFrom(undefined, 'test'),
    });
    await fc.assert(
      fc.asyncProperty(steps, question, filter, fc.integer({ min: 1, max: 9 }), check),
      { numRuns: 100 },
    );
    async function check(
      s: Step[],
      asked: DeploymentQuestion,
      wanted: {
        outcome: Deployment['outcome'] | undefined;
        project: string | undefined;
        environment: string | undefined;
      },
      page: number,
    ) {
      const counts = countsIn(new MemoryStore());
      const { changes, told } = play(s);
      await foldIn(counts, changes, [11]);
      // Two feeds with the same entries: most rows have another that ended in the same instant.
      const feeds = ['ledger/deployments', 'payments/deployments'].map((path) => ({
        ...{ path, space: path.split('/')[0]!, counts },
      }));
      const found: number[] = [];
      let before: ReturnType<typeof parsePlace> | undefined;
      for (;;) {
        const rows = await listDeployments(feeds, { ...asked, ...wanted, before }, page);
        for (const { feed, timeMs, index } of rows) {
          found.push(timeMs);
          before = parsePlace(`${new Date(timeMs).toISOString()}~${feed.path}~${index}`);
        }
        if (rows.length < page) break;
      }
      const expected = told
        .map(({ deployment }) => deployment)
        .filter(
          (d) =>
            Date.parse(d.endedAt) >= asked.sinceMs &&
            Date.parse(d.endedAt) < asked.untilMs &&
            (wanted.outcome ?? d.outcome) === d.outcome &&
            (wanted.project ?? d.project) === d.project &&
            (wanted.environment ?? d.environment) === d.environment,
        )
        .flatMap((d) => [Date.parse(d.endedAt), Date.parse(d.endedAt)]);
      expect(found).toEqual(expected.sort((a, b) => b - a));
    }
  });

  it('are the same rows however the log was cut into folds', async () => {
    await fc.assert(
      fc.asyncProperty(steps, sizes, async (s, parts) => {
        const [one, other] = [new MemoryStore(), new MemoryStore()];
        const { changes } = play(s);
        await foldIn(countsIn(one), changes, [1000]);
        await foldIn(countsIn(other), changes, parts);
        expect(await rowsOf(other)).toEqual(await rowsOf(one));
      }),
      { numRuns: 50 },
    );
  });

  it('are the same when the disk fails now and then, before or after it wrote', async () => {
    const { changes } = play(fc.sample(steps, { numRuns: 30, seed: 4 }).flat());
    const [store, whole] = [new Trouble(new MemoryStore()), new MemoryStore()];
    const counts = countsIn(store);
    for (let round = 0; ; round++) {
      const { next } = await counts.cursor();
      if (next >= changes.length) break;
      if (round % 3 === 0) store.failBefore = 1;
      if (round % 3 === 1) store.failAfter = 1;
      const end = Math.min(changes.length, next + 20);
      await counts.fold(changes.slice(next, end), end, TAIL).catch(() => undefined);
    }
    await foldIn(countsIn(whole), changes, [50]);
    expect(await rowsOf(store)).toEqual(await rowsOf(whole));
    expect(store.writes).toBeGreaterThan(changes.length / 20);
  });

  it('begin anew after they were cleared, also when the clearing was interrupted', async () => {
    const store = new Trouble(new MemoryStore());
    const counts = countsIn(store);
    const { changes } = play(fc.sample(steps, { numRuns: 5, seed: 5 }).flat());
    await foldIn(counts, changes, [40]);
    const before = await rowsOf(store);
    store.writes = 0;
    const write = store.write.bind(store);
    // The cursor goes, and then the disk fails.
    store.write = async (...args) => {
      if (store.writes > 0) throw new Error('the disk fails');
      await write(...args);
    };
    await expect(counts.clear()).rejects.toThrow('the disk fails');
    store.write = write;
    expect((await counts.cursor()).next).toBe(0);
    await foldIn(counts, changes, [40]);
    expect(await rowsOf(store)).toEqual(before);
  });

  it('take no more pairs of project and environment than there may be', async () => {
    const counts = countsIn(new MemoryStore());
    const base = deploymentOf({
      ...{ item: 0, kind: 'deploy', project: 'web', environment: 'test', outcome: 'ok' },
      ...{ endedMs: START, tookMs: 1 },
    });
    const changes = Array.from({ length: LIMITS.reportGroups + 2 }, (_, index): Change => {
      const payload = { ...base, id: `task ${index}`, project: `project ${index}` };
      return { index, item: payload.id, version: 1, timeMs: LATER, body: { payload } };
    });
    await counts.fold(changes, changes.length, TAIL);
    expect(await counts.cursor()).toMatchObject({ counted: LIMITS.reportGroups, uncounted: 2 });
    expect((await counts.uncounted(9)).map(({ code }) => code)).toEqual(['TOO_LARGE', 'TOO_LARGE']);
  });

  it('do not count a deployment whose item has another name', async () => {
    const counts = countsIn(new MemoryStore());
    const { changes } = play([
      {
        ...{ item: 1, kind: 'deploy', project: 'web', environment: 'test', outcome: 'ok' },
        ...{ endedMs: START, tookMs: 1 },
      },
    ]);
    await counts.fold([{ ...changes[0]!, item: 'task 2' }], 1, TAIL);
    expect(await counts.cursor()).toMatchObject({ counted: 0, uncounted: 1 });
  });
});

describe('a place in a list', () => {
  it.each(['', 'yesterday', '2026-11-20', '2026-11-20T10:00:00Z~payments/deployments', 'x~y~1'])(
    '%j is refused',
    (text) => {
      expect(() => parsePlace(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});
