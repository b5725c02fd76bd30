// A space whose process is killed: the others notice by its silence, an alert is raised, and both are over when it is back.

import type { RouteResult } from '../../../protocols/control-api.ts';
import { type DemoMesh, howEnded, LATE, ODCM } from '../mesh.ts';
import { promised, type Scenario } from '../scenario.ts';
import { WatchTime } from '../watch-time.ts';

const KILLED = 'shipping';
/** What is promised of an observer that is well itself; on a machine that stalls it says so and waits longer. */
const NOTICED_MS = 20_000;
const PATIENCE_MS = 120_000;

export const outage: Scenario = {
  id: 'outage',
  title: 'A space that dies is noticed',
  promise:
    'A killed space is shown as offline within 20 seconds, with one alert; once it runs again it is online and the alert is over.',
  async play({ mesh, step }) {
    if (!mesh.isRunning(LATE)) await mesh.start(LATE);
    await mesh.until(`${ODCM} hears ${KILLED}`, () => hasState(mesh, 'online'));

    let killedMs = 0;
    let watch: WatchTime;
    await step(`the process of ${KILLED} is killed`, async () => {
      const pid = mesh.node(KILLED)?.pid;
      killedMs = performance.now();
      watch = new WatchTime(() => performance.now());
      const ending = await mesh.kill(KILLED);
      return { space: KILLED, note: `process ${pid} ended with ${howEnded(ending)}` };
    });

    let noticedMs = 0;
    await step(`${ODCM} shows it as offline`, async () => {
      const look = async (): Promise<Health | undefined> => {
        const found = await hasState(mesh, 'offline');
        if (found !== undefined) return found;
        const wellMs = await watch.look(async () => [await mesh.ask(ODCM, 'status')]);
        promised(wellMs <= NOTICED_MS, `${KILLED} is not offline after ${NOTICED_MS / 1000} s`);
        return undefined;
      };
      const row = await mesh.until(`${KILLED} is offline`, look, PATIENCE_MS);
      noticedMs = Math.round(performance.now() - killedMs);
      const heard = ((row.heardAgoMs ?? 0) / 1000).toFixed(1);
      const note = `last heard ${heard} s ago, missed by ${row.suspectedBy}`;
      return { space: ODCM, elapsedMs: noticedMs, note };
    });

    let alertId = '';
    await step(`${ODCM} raises one alert`, async () => {
      const alert = await mesh.until('the alert is raised', () => openAlert(mesh));
      const elapsedMs = Math.round(performance.now() - killedMs);
      alertId = alert.id;
      return { space: ODCM, elapsedMs, note: `${alert.level}: ${alert.what}` };
    });

    await step(`${KILLED} runs again: online, and the alert is over`, async () => {
      const beganMs = performance.now();
      await mesh.start(KILLED);
      await mesh.until(`${KILLED} is online`, () => hasState(mesh, 'online'));
      const elapsedMs = Math.round(performance.now() - beganMs);
      await mesh.until('the alert is over', async () =>
        (await openAlert(mesh)) === undefined ? true : undefined,
      );
      const rows = await mesh.rows(ODCM, 'alerts', { query: { state: 'all' } });
      const closed = rows.filter(({ subject, rule }) => isOutage(subject, rule));
      promised(closed.length === 1, `${closed.length} alerts were raised`);
      promised(closed[0]?.id === alertId, 'another alert is closed');
      return { space: ODCM, elapsedMs, note: `alert ${closed[0].id} is ${closed[0].state}` };
    });
    return `offline after ${(noticedMs / 1000).toFixed(1)} s, one alert, and back`;
  },
};

type Health = RouteResult<'health'>;

async function hasState(mesh: DemoMesh, state: Health['state']): Promise<Health | undefined> {
  const rows = await mesh.rows(ODCM, 'health');
  return rows.find((row) => row.space === KILLED && row.state === state);
}

const isOutage = (subject: string, rule: string): boolean =>
  subject === KILLED && rule === 'space-offline';

const openAlert = async (mesh: DemoMesh): Promise<RouteResult<'alerts'> | undefined> =>
  (await mesh.rows(ODCM, 'alerts')).find(({ subject, rule }) => isOutage(subject, rule));
