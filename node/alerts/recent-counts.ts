// How much counters that only grow have grown within a window: from samples that are taken now and then.

interface Sample {
  readonly atMs: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** More samples than this in one window say nothing more. */
const SAMPLES = 120;

export class RecentCounts {
  #samples: Sample[] = [];

  /** Growth since the beginning of the window, by name; a counter that stands lower than before began anew. */
  grow(
    counts: Readonly<Record<string, number>>,
    windowMs: number,
    nowMs: number,
  ): { readonly name: string; readonly count: number }[] {
    // The newest sample from before the window is where it begins.
    const first = this.#samples.findLastIndex(({ atMs }) => atMs <= nowMs - windowMs);
    this.#samples = this.#samples.slice(Math.max(0, first));
    const start = this.#samples[0]?.counts ?? {};
    const last = this.#samples.at(-1);
    if (!last || nowMs - last.atMs >= windowMs / SAMPLES) {
      this.#samples.push({ atMs: nowMs, counts: { ...counts } });
    }
    return Object.entries(counts).flatMap(([name, count]) => {
      const before = start[name] ?? 0;
      const grown = count >= before ? count - before : count;
      return grown > 0 ? [{ name, count: grown }] : [];
    });
  }
}
