import type { Target } from '../net/attacker.ts';
import { SampleHeads } from '../net/heads.ts';
import { attacked, type Dials, honestDials, MiB, ms } from '../net/honest.ts';
import type { Outcome, Row, RunRow, Size } from '../row.ts';

/** Where tests run side by side nobody can promise a tenth of a second. */
const P99_MS = { quick: 1_000, long: 100 };
const p99Limit = ({ isLong }: Size): number => (isLong ? P99_MS.long : P99_MS.quick);
const PROMISE = `p99 <= ${P99_MS.long} ms (quick: ${P99_MS.quick})`;
const GROWTH_MIB = 64;
/** The machine may be busy with something else for a while: who is kept out by an attack is so every time. */
const QUICK_TRIES = 3;

/** Honest dials while the attack goes on. */
async function under(
  size: Size,
  isMemberHost: boolean,
  attack: (order: Target) => { readonly name: string; readonly arg: unknown },
  judge: (of: { dials: Dials; made: number; grownMiB: number; letIn: number }) => Outcome,
): Promise<Outcome> {
  const sample = new SampleHeads(2);
  return attacked(sample, { isMemberHost }, async ({ attacker, usage, peerId, address }) => {
    const { name, arg } = attack({ peerId, address });
    const plan = { count: size.isLong ? 200 : 40, pauseMs: 10 };
    // Code is compiled before anything is measured, and the heap is as large as it gets by honest work: what garbage takes up
    // before it is collected, no attack has added.
    const warm = { count: size.isLong ? 600 : 20, pauseMs: 0 };
    await honestDials(sample, 1, { peerId, address }, warm);
    const before = await usage();
    await attacker.ask(name, arg);
    let dials = await honestDials(sample, 1, { peerId, address }, plan);
    for (let tries = 1; !size.isLong && tries < QUICK_TRIES; tries++) {
      if (dials.p99Ms <= P99_MS.quick) break;
      const again = await honestDials(sample, 1, { peerId, address }, plan);
      dials = { ...again, failed: dials.failed + again.failed };
    }
    const made = await attacker.ask<number>(size.isLong && name === 'bogus' ? 'done' : 'stop');
    const after = await usage();
    const grownMiB = (after.rssBytes - before.rssBytes) / MiB;
    return judge({ dials, made, grownMiB, letIn: after.connected });
  });
}

const sockets = (what: string, from: readonly string[], isMemberHost: boolean): RunRow => ({
  id: 'N03',
  what: `40 idle sockets each second from ${what}`,
  how: 'processes',
  expected: `every dial gets in, ${PROMISE}`,
  run: (size) =>
    under(
      size,
      isMemberHost,
      (target) => ({ name: 'idle', arg: { ...target, perSecond: 40, from } }),
      ({ dials: { failed, p99Ms }, made }) => ({
        measured: `${failed} failed, p99 ${ms(p99Ms)}, ${made} idle sockets`,
        pass: failed === 0 && p99Ms <= p99Limit(size) && made > 0,
      }),
    ),
});

const strangers = (where: string, isMemberHost: boolean): RunRow => ({
  id: 'N02',
  what: `unknown identities dial from ${where}`,
  how: 'processes',
  expected: `0 let in, honest ${PROMISE}, RSS + <= ${GROWTH_MIB} MiB`,
  run: (size) =>
    under(
      size,
      isMemberHost,
      (target) => ({
        name: 'bogus',
        arg: { ...target, atOnce: 1, count: size.isLong ? 10_000 : 1_000 },
      }),
      ({ dials: { failed, p99Ms }, made, grownMiB, letIn }) => ({
        measured: `${letIn} let in, ${failed} failed, p99 ${ms(p99Ms)}, RSS + ${grownMiB.toFixed(0)} MiB, ${made} identities`,
        pass:
          letIn === 0 &&
          failed === 0 &&
          p99Ms <= p99Limit(size) &&
          grownMiB <= GROWTH_MIB &&
          made > 0,
      }),
    ),
});

const fifty = Array.from({ length: 50 }, (_, i) => `127.0.1.${i + 1}`);

export const rows: readonly Row[] = [
  strangers('an address of members', true),
  sockets('the address of a member', ['127.0.0.1'], false),
  sockets('fifty addresses', fifty, false),
];
