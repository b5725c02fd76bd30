// Revocations in a mesh of real processes: for each the time at which every other process has cut the space off, by its own
// log, and how much the space got of what was published afterwards.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestMesh, until } from '../e2e/mesh.ts';

export interface Revoked {
  /** From the order at ODCM to the end of the connection, for each node that was connected. */
  readonly cutMs: readonly number[];
  /** From the order until ODCM holds the signed word of everybody that is online. */
  readonly confirmedMs: readonly number[];
  /** Entries that spaces got after they were shut out. */
  readonly leaked: number;
}

const FEED = 'library/rates';
const CUT = 'a space that was shut out is connected no more';

/** When a node logged that this space is connected no more. */
async function cutAt(home: string, space: string): Promise<number | undefined> {
  const text = await readFile(join(home, 'node.log'), 'utf8');
  for (const line of text.split('\n')) {
    if (!line.includes(CUT)) continue;
    const entry = JSON.parse(line) as { msg: string; space: string; time: string };
    if (entry.msg === CUT && entry.space === space) return Date.parse(entry.time);
  }
  return undefined;
}

export async function measureRevocations(spaces: number, victims: number): Promise<Revoked> {
  const mesh = new TestMesh();
  const names = Array.from({ length: spaces - 1 }, (_, i) => `space-${i}`);
  try {
    await mesh.init();
    // Making keys takes all of a core: side by side they would only time out.
    for (const name of ['library', ...names]) await mesh.enlist(name);
    for (const name of ['library', ...names]) await mesh.start(name);
    const body = { name: 'rates', context: 'variables', to: 'all' as const };
    await mesh.ask('library', 'createFeed', { body });
    await Promise.all(names.map((name) => mesh.subscribe(name, { feed: FEED })));
    let published = 0;
    const publish = async () => {
      published += 1;
      const drafts = [{ item: `rate ${published}`, payload: published }];
      await mesh.ask('library', 'publishEvents', { query: { feed: FEED }, body: { drafts } });
    };
    await publish();
    for (const name of names) await mesh.level(name, FEED, published);
    const cutMs: number[] = [];
    const confirmedMs: number[] = [];
    let leaked = 0;
    let left = [...names];
    for (const victim of names.slice(0, victims)) {
      left = left.filter((name) => name !== victim);
      const nodes = ['odcm', 'library', ...left];
      await allConnected(mesh, nodes, victim);
      const startMs = Date.now();
      const { entry } = await mesh.ask('odcm', 'revoke', { body: { space: victim } });
      for (const name of nodes) {
        const atMs = await until(`${name} cuts ${victim} off`, () =>
          cutAt(mesh.home(name), victim),
        );
        cutMs.push(atMs - startMs);
      }
      await until(`everybody confirms entry ${entry}`, async () => {
        const [row] = await mesh.ask('odcm', 'revocations', { query: { from: entry } });
        return row?.missing.every(({ state }) => state !== 'online' && state !== 'self');
      });
      confirmedMs.push(Date.now() - startMs);
      await publish();
      for (const name of left) await mesh.level(name, FEED, published);
      const held = (await mesh.feed(victim, FEED))?.held ?? 0;
      leaked += Math.max(0, held - (published - 1));
    }
    return { cutMs, confirmedMs, leaked };
  } finally {
    await mesh.close();
  }
}

const allConnected = (mesh: TestMesh, nodes: readonly string[], victim: string) =>
  Promise.all(
    nodes.map((name) =>
      until(`${name} is connected to ${victim}`, async () => {
        const peers = await mesh.ask(name, 'peers');
        return peers.some(({ space, connected }) => space === victim && connected);
      }),
    ),
  );
