// How long something takes on a machine that may be busy with something else: what is slow is slow every time. What is slow only
// the first time, this does not tell.

const TRIES = 3;

/** Does it once, and again where it took longer than the bound; the verdict is that of the first time. */
export async function quickest<T>(
  boundMs: number,
  work: () => Promise<T>,
): Promise<{ readonly first: T; readonly tookMs: number }> {
  const timed = async (): Promise<[T, number]> => {
    const startMs = performance.now();
    return [await work(), performance.now() - startMs];
  };
  const [first, onceMs] = await timed();
  let tookMs = onceMs;
  for (let tries = 1; tries < TRIES && tookMs > boundMs; tries++) {
    tookMs = Math.min(tookMs, (await timed())[1]);
  }
  return { first, tookMs };
}
