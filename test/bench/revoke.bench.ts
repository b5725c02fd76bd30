// How long after the order a space that is shut out is cut off everywhere: real processes on this machine, and a hundred
// simulated nodes in virtual time, where the way is that of the network alone.

import { others, timeRevocation } from '../attacks/trust/scene.ts';
import { World } from '../sim/world.ts';
import { type BenchOptions, type Figure, percentile } from './measurement.ts';
import { measureRevocations } from './revoke-mesh.ts';

const P50_MS = 1_000;
const P99_MS = 5_000;

export async function* revoke({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const [spaces, victims] = isQuick ? [4, 1] : [10, 4];
  const { cutMs, confirmedMs, leaked } = await measureRevocations(spaces, victims);
  const detail = { processes: spaces + 1, revocations: victims, samples: cutMs.length, leaked };
  yield* figures('revoke-cut-off', cutMs, detail);
  yield* figures('revoke-confirmed', confirmedMs, { ...detail, samples: confirmedMs.length });
  const nodes = isQuick ? 10 : 100;
  const names = Array.from({ length: nodes - 1 }, (_, i) => `space-${i}`);
  const world = await World.create({ seed: 1, spaces: names, isQuiet: true });
  const rest = others(world, ['space-3']).map((name) => world.node(name));
  const tookMs = await timeRevocation(world, 'space-3', rest);
  yield* figures('revoke-simulated', tookMs, { nodes, samples: tookMs.length, seed: 1 });
}

function* figures(
  name: string,
  samples: readonly number[],
  detail: Figure['detail'],
): Generator<Figure> {
  for (const [suffix, share, target] of [
    ['p50', 0.5, P50_MS],
    ['p99', 0.99, P99_MS],
  ] as const) {
    const ours = percentile(samples, share);
    const isConfirmed = name === 'revoke-confirmed';
    yield {
      ...{ name: `${name}-${suffix}`, unit: 'ms', ours, floor: null, better: 'lower' },
      // What others have heard waits for the next heartbeat: the promise is about the cut.
      target: isConfirmed ? null : target,
      detail,
    };
  }
}
