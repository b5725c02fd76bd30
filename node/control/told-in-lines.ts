// Long work as an answer in lines: how far it is, as often as somebody can look at, and last what came of it.

/** A person sees no more than this many changes a second, and each line costs both sides a parse. */
const EVERY_MS = 100;

/**
 * Runs the work and gives back what it tells, thinned out, and its result as the last line. A fault ends the lines.
 * Whoever stops reading stops nothing: the work has a signal of its own for that.
 */
export async function* tellInLines<P, R>(
  work: (tell: (line: P) => void) => Promise<R>,
): AsyncGenerator<P | R> {
  let newest: P | undefined;
  let wake: () => void = () => {};
  let toldMs = Number.NEGATIVE_INFINITY;
  const running = work((line) => {
    newest = line;
    if (performance.now() - toldMs >= EVERY_MS) wake();
  });
  let isOver = false;
  const ended = running.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  while (!isOver) {
    await Promise.race([
      ended,
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
    ]);
    if (isOver || newest === undefined) continue;
    toldMs = performance.now();
    const line = newest;
    newest = undefined;
    yield line;
  }
  yield await running;
}
