import { LIMITS } from '../../../protocols/limits.ts';
import { type Flooded, type FloodOrder, flood } from '../net/gossip-flood.ts';
import { ms } from '../net/honest.ts';
import type { Row, RunRow } from '../row.ts';

const GROWTH_MIB = 64;
/** Members that forge, each let in once; and members that say what is true too often, which costs everybody. */
const FORGERS = 10;
const BABBLERS = 2;
/** Where tests run side by side only the order of magnitude means anything. */
const QUICK_MS = 1_000;

interface Kind {
  readonly what: FloodOrder['what'];
  readonly name: string;
  readonly attackers: number;
  readonly expected: string;
  readonly isShutOut: boolean;
  /** Whether what became of the flood itself is right. */
  readonly isRight: (flooded: Flooded) => boolean;
}

/** Everybody who attacked was let in once, and was gone after one message. */
const areShutOut =
  (code: string | undefined) =>
  ({ refusals, connected }: Flooded): boolean =>
    connected === 1 &&
    (refusals['OUTCAST'] ?? 0) > 0 &&
    (code === undefined || (refusals[code] ?? 0) <= FORGERS);

const KINDS: readonly Kind[] = [
  {
    ...{ what: 'forged', attackers: FORGERS, name: 'heads with forged signatures' },
    expected: 'one verified for each sender, all gone',
    ...{ isShutOut: true, isRight: areShutOut('BAD_SIGNATURE') },
  },
  {
    ...{ what: 'oversized', attackers: FORGERS, name: 'frames above the limit' },
    expected: 'all senders gone',
    ...{ isShutOut: true, isRight: areShutOut(undefined) },
  },
  {
    ...{ what: 'noise', attackers: FORGERS, name: 'frames that are none' },
    expected: 'all senders gone',
    ...{ isShutOut: true, isRight: areShutOut(undefined) },
  },
  {
    ...{
      what: 'true',
      attackers: BABBLERS,
      name: `true heads, more than ${LIMITS.headsPerSecond}/s of each space`,
    },
    ...{ expected: 'nobody blamed, none lost', isShutOut: false },
    isRight: ({ refusals, connected, during }) =>
      connected === 1 + BABBLERS && !refusals['OUTCAST'] && during.lost === 0,
  },
  {
    ...{ what: 'topics', attackers: BABBLERS, name: 'ten thousand topics that do not exist' },
    ...{ expected: 'none joined, none lost', isShutOut: false },
    isRight: ({ during, sent }) => during.lost === 0 && sent > 0,
  },
];

const row = ({ what, name, attackers, isShutOut, expected, isRight }: Kind): RunRow => ({
  id: 'N01',
  what: `${attackers} members flood gossip: ${name}`,
  how: 'processes',
  expected: `${expected}; honest p99 <= 2x, RSS + <= ${GROWTH_MIB} MiB`,
  ...(what === 'forged' ? {} : { onlyLong: 'starts three processes' }),
  run: async ({ isLong }) => {
    const order = { what, attackers, isShutOut };
    const flooded = await flood(
      isLong ? { ...order, heads: 500 } : { ...order, heads: 60, boundMs: QUICK_MS },
    );
    const { before, during, grownMiB, sent, refusals } = flooded;
    const bound = isLong ? Math.max(2 * before.p99Ms, FLOOR_MS) : QUICK_MS;
    const isQuick = during.lost === 0 && during.p99Ms <= bound && grownMiB <= GROWTH_MIB;
    const counts = Object.entries(refusals).filter(([, count]) => count > 0);
    return {
      measured: [
        `p99 ${ms(before.p99Ms)} before, ${ms(during.p99Ms)} during`,
        `${during.cpuShare.toFixed(2)} cores, RSS + ${grownMiB.toFixed(0)} MiB, ${sent} sent`,
        counts.map(([code, count]) => `${code} ${count}`).join(' '),
      ].join('; '),
      pass: isRight(flooded) && isQuick,
    };
  },
});

/** Below this a multiple of what is usual says more about the scheduler than about the flood. */
const FLOOR_MS = 20;

export const rows: readonly Row[] = KINDS.map(row);
