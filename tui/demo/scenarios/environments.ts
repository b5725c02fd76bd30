// A new space takes the master list of environments on demand, picks what it needs, and tells the owner of the list.

import { LATE, ODCM } from '../mesh.ts';
import type { Sample } from '../samples.ts';
import { environments } from '../samples.ts';
import { promised, type Scenario } from '../scenario.ts';
import { arrival, headEvidence, readable, sameBytes } from '../witness.ts';

const MASTER = `${ODCM}/environments`;
const CHOICE = `${LATE}/environments`;
const WANTED = ['test', 'staging', 'production-eu'];

export const pickEnvironments: Scenario = {
  id: 'environments',
  title: 'A new space picks its environments',
  promise:
    'A space sees that there is a list without loading it, loads it when asked, picks some, and the owner of the list learns which.',
  async play({ mesh, step }) {
    const list = environments();
    if (!mesh.isRunning(LATE)) await mesh.start(LATE);

    await step(`${LATE} subscribes on demand: it knows how long the list is`, async () => {
      await mesh.ask(LATE, 'subscribe', { body: { feed: MASTER, mode: 'on-demand' } });
      const row = await mesh.until(`${LATE} knows the head of ${MASTER}`, async () => {
        const seen = await mesh.feed(LATE, MASTER);
        return seen.size === null ? undefined : seen;
      });
      promised(row.size === list.length, `the head says ${row.size} entries, not ${list.length}`);
      promised(row.subscribed, `${LATE} is not subscribed`);
      return {
        space: LATE,
        feed: MASTER,
        note: `${row.size} entries there, ${row.held} here to carry for others`,
      };
    });

    await step(`${LATE} pulls and reads the list`, async () => {
      const beganMs = performance.now();
      const [pulled] = await mesh.rows(LATE, 'pull', { body: { feed: MASTER } });
      const elapsedMs = Math.round(performance.now() - beganMs);
      promised(pulled?.state === 'level', `the pull ended ${pulled?.state ?? 'without a row'}`);
      const items = await mesh.rows(LATE, 'items', { query: { feed: MASTER } });
      promised(items.length === list.length, `${items.length} environments, not ${list.length}`);
      const head = await headEvidence(mesh, LATE, MASTER);
      const names = items.map(({ item }) => item).join(', ');
      return {
        ...head,
        elapsedMs,
        note: `from ${pulled.peer ?? 'what it carries for others'}: ${names}`,
      };
    });

    const picked = await step(
      `${LATE} picks ${WANTED.length} of ${list.length} and publishes its choice to ${ODCM} alone`,
      async () => {
        const body = { name: 'environments', context: 'environments', to: [ODCM] };
        await mesh.ask(LATE, 'createFeed', { body });
        const seen = [];
        for (const sample of await choose(list, (item) => mesh.content(LATE, MASTER, item))) {
          await mesh.publish(LATE, 'environments', sample);
          seen.push(await sameBytes(mesh, LATE, CHOICE, sample));
        }
        return seen;
      },
    );

    await step(`${ODCM} sees the choice`, async () => {
      await mesh.until(`${ODCM} may take ${CHOICE}`, async () => {
        const row = (await mesh.rows(ODCM, 'feeds')).find(({ feed }) => feed === CHOICE);
        return row?.grant ? true : undefined;
      });
      const beganMs = performance.now();
      await mesh.ask(ODCM, 'subscribe', { body: { feed: CHOICE } });
      await arrival(mesh, ODCM, CHOICE, picked.at(-1)?.entry ?? 0);
      const lastMs = await readable(mesh, ODCM, CHOICE, picked.at(-1)?.item ?? '');
      const elapsedMs = Math.round(lastMs - beganMs);
      const items = await mesh.rows(ODCM, 'items', { query: { feed: CHOICE } });
      const names = items.map(({ item }) => item);
      promised(
        names.join() === [...WANTED].sort().join(),
        `${ODCM} sees ${names.join(', ') || 'nothing'}`,
      );
      const master = list.filter(({ item }) => WANTED.includes(item));
      const copies = await Promise.all(
        master.map((sample) => sameBytes(mesh, ODCM, CHOICE, sample)),
      );
      return [{ ...(await headEvidence(mesh, ODCM, CHOICE)), elapsedMs }, ...copies];
    });
    return `${WANTED.length} of ${list.length}: ${WANTED.join(', ')}`;
  },
};

/** What is published is what was read from the list, not what the demo knows of it. */
async function choose(
  list: readonly Sample[],
  read: (item: string) => Promise<Buffer>,
): Promise<Sample[]> {
  const wanted = list.filter(({ item }) => WANTED.includes(item));
  return await Promise.all(
    wanted.map(async ({ item, mediaType }) => ({ item, mediaType, bytes: await read(item) })),
  );
}
