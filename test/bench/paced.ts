// Work at a steady rate, whatever each piece takes.

export async function paced<T>(
  count: number,
  intervalMs: number,
  work: () => Promise<T>,
): Promise<T[]> {
  const startedMs = performance.now();
  const running: Promise<T>[] = [];
  for (let i = 0; i < count; i++) {
    const waitMs = startedMs + i * intervalMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    running.push(work());
  }
  return Promise.all(running);
}
