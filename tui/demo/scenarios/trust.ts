// Nobody gets what was not granted: refused before the grant, taken after it, cut off when it is taken back.

import { ODCM } from '../mesh.ts';
import { settlementVariables } from '../samples.ts';
import { promised, type Scenario } from '../scenario.ts';
import { arrival, readable, refusal, sameBytes } from '../witness.ts';

const FEED = 'payments/settlement';
const SUBSCRIBER = 'shipping';

export const trust: Scenario = {
  id: 'trust',
  title: 'Trust decides who gets what',
  promise:
    'A space without a grant is refused; it gets the feed once ODCM grants it, and nothing new after the grant is taken back.',
  async play({ mesh, step }) {
    const first = settlementVariables(1);
    const second = settlementVariables(2);
    const subscribe = () => mesh.ask(SUBSCRIBER, 'subscribe', { body: { feed: FEED } });
    const grantee = { subscriber: SUBSCRIBER, publisher: 'payments', feed: 'settlement' };

    /** Entries with the keys of a sealed feed stand before it. */
    let at = 0;
    await step('payments publishes a variable set that is granted to nobody', async () => {
      at = (await mesh.publish('payments', 'settlement', first)).index;
      const { sealed } = await mesh.feed('payments', FEED);
      promised(sealed, 'it is not sealed: whoever carries it could read it');
      return await sameBytes(mesh, 'payments', FEED, first);
    });

    await step(`${SUBSCRIBER} is refused`, async () => {
      await mesh.until(`${SUBSCRIBER} knows of ${FEED}`, async () =>
        (await mesh.rows(SUBSCRIBER, 'feeds')).find(({ feed }) => feed === FEED),
      );
      const code = await refusal(subscribe, `${SUBSCRIBER} may subscribe without a grant`);
      promised(code === 'NO_GRANT', `it is refused with ${code}`);
      const readers = await mesh.readers(FEED, at + 1);
      promised(readers.join() === 'payments', `${readers.join(', ')} can read it`);
      return { space: SUBSCRIBER, feed: FEED, code, note: 'only payments can read it' };
    });

    let tookMs = 0;
    await step(`${ODCM} grants it, and ${SUBSCRIBER} has it`, async () => {
      const beganMs = performance.now();
      await mesh.ask(ODCM, 'grant', { body: grantee });
      await mesh.until(`the grant reaches ${SUBSCRIBER}`, async () =>
        (await mesh.feed(SUBSCRIBER, FEED)).grant === null ? undefined : true,
      );
      await subscribe();
      await arrival(mesh, SUBSCRIBER, FEED, at);
      tookMs = Math.round((await readable(mesh, SUBSCRIBER, FEED, first.item)) - beganMs);
      const readers = await mesh.readers(FEED, at + 1);
      promised(
        [...readers].sort().join() === ['payments', SUBSCRIBER].join(),
        `${readers.join(', ')} can read it`,
      );
      const note = `${readers.join(' and ')} can read it`;
      return { ...(await sameBytes(mesh, SUBSCRIBER, FEED, first)), elapsedMs: tookMs, note };
    });

    await step(`${ODCM} takes the grant back; the next version stays with payments`, async () => {
      const { revoked } = await mesh.ask(ODCM, 'ungrant', { query: grantee });
      promised(revoked === 1, `${revoked} grants were taken back`);
      for (const space of ['payments', SUBSCRIBER] as const) {
        await mesh.until(`${space} knows that the grant is gone`, async () => {
          const grants = await mesh.rows(space, 'grants');
          const isThere = grants.some(
            (row) => row.subscriber === SUBSCRIBER && row.publisher === 'payments',
          );
          return isThere ? undefined : true;
        });
      }
      const { index, version } = await mesh.publish('payments', 'settlement', second);
      const code = await refusal(
        () => mesh.rows(SUBSCRIBER, 'pull', { body: { feed: FEED } }),
        `${SUBSCRIBER} may still pull`,
      );
      promised(code === 'NO_GRANT', `it is refused with ${code}`);
      const readers = await mesh.readers(FEED, index + 1);
      promised(readers.join() === 'payments', `${readers.join(', ')} can read version ${version}`);
      const kept = await mesh.feed(SUBSCRIBER, FEED);
      promised(kept.applied <= index, `${SUBSCRIBER} can read ${kept.applied} entries`);
      const note = `${SUBSCRIBER} keeps version 1, which it had`;
      return [
        await sameBytes(mesh, 'payments', FEED, second),
        { space: SUBSCRIBER, feed: FEED, code, note },
      ];
    });
    return `refused, granted (${tookMs} ms), refused again`;
  },
};
