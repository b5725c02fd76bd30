// A control API over a thousand spaces that are made up, so that the dashboard can be measured without their nodes: the
// answers are those of the dashboard's own tests, valid by the table of routes. Says when it answered what.

import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createWorld, type World } from '../tui/dash/world.ts';
import { sharedNowMs } from './measurement.ts';

export interface FakeNode {
  /** When the first answer on this path was sent to somebody; waits for it. */
  readonly firstAnswerMs: (path: string) => Promise<number>;
  /** So many spaces are another at each question from now on. */
  readonly change: (count: number) => void;
  /** An event for everybody who follows them. */
  readonly tell: () => void;
  readonly stop: () => Promise<void>;
}

interface Row {
  readonly targets: number;
}

export async function startFakeNode(home: string): Promise<FakeNode> {
  const world = createWorld();
  world.tell(Date.now);
  const answered = new Map<string, number>();
  const waiting = new Map<string, (ms: number) => void>();
  const followers = new Set<ServerResponse>();
  let changed = 0;
  let looks = 0;

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://node');
    if (url.pathname === '/v1/tail') {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.flushHeaders();
      followers.add(response);
      response.on('close', () => followers.delete(response));
      return;
    }
    void reply(url, response);
  });
  const reply = async (url: URL, response: ServerResponse): Promise<void> => {
    const query = Object.fromEntries(url.searchParams);
    const answer = await world.client.get<object>(url.pathname, { query });
    const body = url.pathname === '/v1/health' ? moved(answer, looks++, changed) : answer;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body), () => {
      const nowMs = sharedNowMs();
      if (!answered.has(url.pathname)) answered.set(url.pathname, nowMs);
      waiting.get(url.pathname)?.(nowMs);
    });
  };
  await new Promise<void>((resolve) => server.listen(join(home, 'control.sock'), resolve));
  return {
    firstAnswerMs: (path) => {
      const ms = answered.get(path);
      return ms === undefined
        ? new Promise((resolve) => waiting.set(path, resolve))
        : Promise.resolve(ms);
    },
    change: (count) => {
      changed = count;
    },
    tell: () => {
      const line = JSON.stringify(eventOf(world, looks++));
      for (const follower of followers) follower.write(`${line}\n`);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The same spaces with another number of targets at the first `count` of them, and their lag on the move. */
export function moved(answer: object, look: number, count: number): object {
  if (count === 0 || !('rows' in answer)) return answer;
  const rows = (answer.rows as Row[]).map((row, index) =>
    index < count ? { ...row, targets: row.targets + look, lagMs: (look % 50) * 1_000 } : row,
  );
  return { ...answer, rows };
}

const eventOf = ({ events }: World, look: number): object => ({
  ...(events[look % events.length] as object),
  index: look,
  time: new Date().toISOString(),
});
