// One publisher, everybody takes: variable sets that ODCM lets all have and the publisher wants all to have.

import { EARLY } from '../mesh.ts';
import { connectionStrings, variableSets } from '../samples.ts';
import { promised, type Scenario } from '../scenario.ts';
import { arrival, headEvidence, sameBytes } from '../witness.ts';

const FEED = 'platform/shared-variables';

export const sharedVariables: Scenario = {
  id: 'shared-variables',
  title: 'Shared variables reach every space',
  promise:
    'What platform publishes for all arrives at every space byte for byte, and so does each change of it; publishing the same again changes nothing.',
  async play({ mesh, step }) {
    const readers = EARLY.filter((space) => space !== 'platform');
    const sets = variableSets();

    const entries = await step(`platform publishes ${sets.length} variable sets`, async () => {
      const seen = [];
      for (const set of sets) {
        await mesh.publish('platform', 'shared-variables', set);
        seen.push(await sameBytes(mesh, 'platform', FEED, set));
      }
      return seen;
    });

    await step(`${readers.length} spaces have them, byte for byte`, async () => {
      const last = entries.at(-1)?.entry ?? 0;
      const seen = [];
      for (const space of readers) {
        await arrival(mesh, space, FEED, last);
        for (const set of sets) seen.push(await sameBytes(mesh, space, FEED, set));
      }
      for (const { space, item, leafHash } of seen) {
        const signed = entries.find((entry) => entry.item === item)?.leafHash;
        promised(leafHash === signed, `${space} holds another entry of "${item}"`);
      }
      return [await headEvidence(mesh, 'platform', FEED), ...seen];
    });

    const changed = connectionStrings(2);
    const latencies = await step('a changed set reaches all of them', async () => {
      const beganMs = performance.now();
      const { index } = await mesh.publish('platform', 'shared-variables', changed);
      const seen = await Promise.all(
        readers.map(async (space) => {
          const elapsedMs = rounded((await arrival(mesh, space, FEED, index)) - beganMs);
          return { ...(await sameBytes(mesh, space, FEED, changed)), elapsedMs };
        }),
      );
      promised(
        seen.every(({ version }) => version === 2),
        'not every space has version 2',
      );
      return seen;
    });

    await step('publishing the same again writes nothing', async () => {
      const before = await mesh.feed('platform', FEED);
      const { status, version, index } = await mesh.publish(
        'platform',
        'shared-variables',
        changed,
      );
      promised(status === 'unchanged', `the answer is "${status}" instead of "unchanged"`);
      const after = await headEvidence(mesh, 'platform', FEED);
      promised(after.checkpoint?.size === before.size, 'the log has grown');
      return { ...after, item: changed.item, entry: index, version, note: status };
    });

    const slowestMs = Math.round(Math.max(...latencies.map(({ elapsedMs }) => elapsedMs)));
    return `a change is at all ${readers.length} readers after ${slowestMs} ms`;
  },
};

/** From the request to publish until it can be read elsewhere takes less than a few milliseconds: whole ones hide it. */
const rounded = (ms: number): number => Math.round(ms * 10) / 10;
