// A space that was enlisted but never ran starts while the publisher and ODCM are both down, and gets everything, the
// directory included, from others that carry it.

import { isMeshError } from '../../../protocols/errors.ts';
import { type DemoMesh, howEnded, LATE, ODCM, type Space } from '../mesh.ts';
import {
  changedTemplate,
  connectionStrings,
  serverExtension,
  stepTemplates,
  variableSets,
} from '../samples.ts';
import { type Evidence, promised, type Scenario } from '../scenario.ts';
import { arrival, headEvidence, sameBytes } from '../witness.ts';

const STOPPED = ['platform', ODCM] as const;
const TEMPLATES = 'platform/step-templates';

/** What platform has published by now. */
const WANTED = [
  { feed: TEMPLATES, samples: stepTemplates() },
  {
    feed: 'platform/shared-variables',
    samples: [connectionStrings(2), ...variableSets().slice(1)],
  },
  { feed: 'platform/server-extensions', samples: [serverExtension()] },
];

export const publisherOffline: Scenario = {
  id: 'publisher-offline',
  title: 'A late space catches up from others',
  promise:
    'With the publisher and ODCM stopped, a space that never ran before gets all that was published, byte for byte, from the other subscribers.',
  async play({ mesh, step }) {
    await step(`${LATE} is enlisted and has never run`, async () => {
      const row = (await mesh.rows(ODCM, 'spaces')).find(({ name }) => name === LATE);
      promised(row !== undefined, `${LATE} is not in the directory`);
      promised(row.heardAgoMs === null, `${LATE} was heard of already`);
      return { space: ODCM, entry: row.entry, note: 'entry of the directory' };
    });

    const heads = await step('the other spaces carry all that platform published', async () => {
      const signed = [];
      for (const { feed } of WANTED) {
        const head = await mesh.until(`others carry ${feed}`, async () => {
          const seen = await headEvidence(mesh, 'platform', feed);
          return remaining(seen.heldBy).length >= 3 ? seen : undefined;
        });
        signed.push(head);
      }
      return signed;
    });

    await step(`platform and ${ODCM} are stopped`, () => Promise.all(STOPPED.map(stopped(mesh))));

    let tookMs = 0;
    await step(`${LATE} starts for the first time and has everything`, async () => {
      const beganMs = performance.now();
      await mesh.start(LATE);
      const readyMs = performance.now();
      for (const { feed, checkpoint } of heads)
        await level(mesh, feed ?? '', checkpoint?.size ?? 0);
      tookMs = Math.round(performance.now() - readyMs);
      const seen: Evidence[] = [
        {
          space: LATE,
          elapsedMs: Math.round(performance.now() - beganMs),
          note: `from process start, ${tookMs} ms of it from ready; connected to ${await connected(mesh)}`,
        },
      ];
      for (const { feed, samples } of WANTED) {
        const copies = [];
        for (const sample of samples) copies.push(await sameBytes(mesh, LATE, feed, sample));
        const head = heads.find((row) => row.feed === feed)?.checkpoint;
        const { checkpoint } = copies[0]!;
        promised(checkpoint?.root === head?.root, `${LATE} has another root of ${feed}`);
        seen.push({ ...(await headEvidence(mesh, LATE, feed)) }, ...copies);
      }
      for (const space of STOPPED) promised(!mesh.isRunning(space), `${space} runs`);
      return seen;
    });

    await step(
      `platform and ${ODCM} come back, and ${LATE} hears of the next version`,
      async () => {
        await Promise.all(STOPPED.map((space) => mesh.start(space)));
        const changed = changedTemplate(2);
        const beganMs = performance.now();
        const { index } = await mesh.publish('platform', 'step-templates', changed);
        const elapsedMs = Math.round((await arrival(mesh, LATE, TEMPLATES, index)) - beganMs);
        return { ...(await sameBytes(mesh, LATE, TEMPLATES, changed)), elapsedMs };
      },
    );
    const items = WANTED.reduce((sum, { samples }) => sum + samples.length, 0);
    return `${items} items in ${tookMs} ms, publisher and ODCM down`;
  },
};

const remaining = (spaces: readonly string[] = []): string[] =>
  spaces.filter((space) => !STOPPED.some((stopped) => stopped === space));

const stopped =
  (mesh: DemoMesh) =>
  async (space: Space): Promise<Evidence> => {
    const pid = mesh.node(space)?.pid;
    const ending = await mesh.stop(space);
    const isAway = await mesh.ask(space, 'status').then(
      () => false,
      (error: unknown) => isMeshError(error, 'NODE_UNREACHABLE'),
    );
    promised(isAway, `${space} still answers`);
    return { space, note: `process ${pid} ended with ${howEnded(ending)}` };
  };

const level = (mesh: DemoMesh, feed: string, size: number): Promise<true> =>
  mesh.until(`${LATE} has ${size} entries of ${feed}`, async () => {
    const row = (await mesh.rows(LATE, 'feeds')).find((row) => row.feed === feed);
    return row !== undefined && row.applied >= size ? true : undefined;
  });

async function connected(mesh: DemoMesh): Promise<string> {
  const peers = (await mesh.rows(LATE, 'peers')).filter((peer) => peer.connected);
  return peers.map(({ space }) => space).join(', ');
}
