// A space without a network gets what was approved for it by a folder that is carried there, and what was deployed of it
// comes home the same way, signed. The commands are those that people would type.

import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RouteResult } from '../../../protocols/control-api.ts';
import type { Deployment } from '../../../protocols/reports.ts';
import { tellWork } from '../../commands/gap-lines.ts';
import { formatBytes } from '../../format/bytes.ts';
import { counted } from '../../format/number.ts';
import { type DemoMesh, ISOLATED, ODCM } from '../mesh.ts';
import { connectionStrings } from '../samples.ts';
import { type Evidence, promised, type Scenario } from '../scenario.ts';
import { headEvidence, sameBytes, sha256Hex } from '../witness.ts';

const FEED = 'platform/shared-variables';
const DEPLOYMENTS = 'deployments';
const [BRINGS, APPROVES, EXPORTS] = ['Lisa', 'Bob', 'Barry'] as const;

type Crossing = RouteResult<'crossings'>;
type Receipt = RouteResult<'receipts'>;

export const airGap: Scenario = {
  id: 'air-gap',
  title: 'Across an air gap, and back with a receipt',
  promise:
    'A space without a network gets by a carried folder exactly what was approved for it, and its signed receipt of the deployment comes home and stands beside the export.',
  async play({ mesh, step }) {
    const folders = await makeFolders(mesh);
    const news = connectionStrings(3);
    try {
      await step(`${ISOLATED} is enlisted and then cut off: it runs without any network`, () =>
        cutOff(mesh),
      );

      await step(`platform publishes what ${ISOLATED} cannot hear of`, async () => {
        const { index } = await mesh.publish('platform', 'shared-variables', news);
        await mesh.until(`${ODCM} has it`, async () =>
          (await mesh.feed(ODCM, FEED)).applied > index ? true : undefined,
        );
        const known = await mesh.rows(ISOLATED, 'feeds');
        const held = known.find(({ feed }) => feed === FEED)?.held ?? 0;
        promised(held <= index, `${ISOLATED} has entry ${index} already`);
        const note = `${ISOLATED} holds ${counted(held, 'entry', 'entries')} of it`;
        return { ...(await headEvidence(mesh, 'platform', FEED)), note };
      });

      const out = await step(`${ODCM} fills a drop folder with a signed bundle`, async () => {
        const { out } = folders;
        await mesh.command(ODCM, 'gap', 'push', ISOLATED, '--into', out, '--once', ...by(EXPORTS));
        const crossing = await crossingOf(mesh, ODCM, 'out');
        promised(crossing.state === 'written', `the bundle is ${crossing.state}`);
        const files = await sameSums(out);
        const { sequence, entries, sizeBytes, manifest } = crossing;
        const note = `bundle ${sequence}, ${counted(entries, 'entry', 'entries')}, ${counted(files, 'file')} with the sha256 that the manifest names`;
        return { space: ODCM, sizeBytes, sha256: manifest, note };
      });

      const brought = await step(
        `carried there, it is checked as a whole; nothing of it is let in yet`,
        async () => {
          await cp(folders.out, folders.in, { recursive: true });
          const args = ['gap', 'watch', folders.in, '--once', ...by(BRINGS)];
          await mesh.command(ISOLATED, ...args);
          const crossing = await crossingOf(mesh, ISOLATED, 'in');
          promised(crossing.state === 'waiting', `the bundle is ${crossing.state}`);
          promised(crossing.manifest === out.sha256, `${ISOLATED} was brought another bundle`);
          const query = { exporter: ODCM, sequence: crossing.sequence };
          const { diff, needed } = await mesh.ask(ISOLATED, 'importDetail', { query });
          const change = diff.feeds.find(({ feed }) => feed === FEED);
          promised(
            change !== undefined && change.entries > 0,
            `the bundle brings nothing of ${FEED}`,
          );
          const note = `${change.entries} new of ${FEED}, 0 of ${counted(needed, 'approval')}`;
          return { space: ISOLATED, sha256: crossing.manifest, note, entry: crossing.sequence };
        },
      );

      await step(`${APPROVES} approves it: ${ISOLATED} has what platform signed`, async () => {
        const body = { exporter: ODCM, sequence: brought.entry, by: APPROVES };
        const { crossing } = await tellWork(
          mesh.asker(ISOLATED),
          'approveImport',
          body,
          () => undefined,
        );
        promised(crossing.state === 'applied', `the bundle is ${crossing.state}`);
        return await mesh.until(`${ISOLATED} can read it`, async () => {
          const { size, applied } = await mesh.feed(ISOLATED, FEED);
          return applied === size ? await sameBytes(mesh, ISOLATED, FEED, news) : undefined;
        });
      });

      const deployment = deploymentAt(Date.now());
      await step('it is deployed there, and the deployment gets a signed receipt', async () => {
        const { published } = await mesh.report(ISOLATED, DEPLOYMENTS, [deployment]);
        promised(published === 1, `${ISOLATED} took ${published} deployments`);
        const receipt = await mesh.until('the deployment has a receipt', () =>
          receiptOf(mesh, ISOLATED),
        );
        return receiptEvidence(ISOLATED, receipt);
      });

      await step(`the receipts travel home; ${ODCM} shows the bundle as acknowledged`, async () => {
        await mesh.command(ISOLATED, 'receipts', 'export', folders.back, '--format', 'json');
        await cp(folders.back, folders.home, { recursive: true });
        await mesh.command(ODCM, 'receipts', 'import', folders.home, '--format', 'json');
        const crossing = await crossingOf(mesh, ODCM, 'out');
        promised(crossing.state === 'acknowledged', `the bundle is ${crossing.state}`);
        const receipt = await receiptOf(mesh, ODCM);
        promised(receipt !== undefined, `${ODCM} has no receipt of the deployment`);
        const rows = await mesh.rows(ODCM, 'receipts', { query: { space: ISOLATED } });
        promised(!rows.some(({ isMissing }) => isMissing), 'a receipt is missing');
        const note = `bundle ${crossing.sequence} is ${crossing.state}, ${counted(rows.length, 'receipt')}, none missing`;
        return [{ space: ODCM, sha256: crossing.manifest, note }, receiptEvidence(ODCM, receipt)];
      });
      const { project, release } = deployment;
      return `${formatBytes(out.sizeBytes)} carried there, the receipt of ${project} ${release} is home`;
    } finally {
      if (mesh.isRunning(ISOLATED)) await mesh.stop(ISOLATED);
    }
  },
};

const by = (name: string): [string, string] => ['--by', name];

/** Two drop folders on each side: what is carried is a copy. */
async function makeFolders(mesh: DemoMesh) {
  const at = (name: string): string => join(mesh.folder.spaces, '.carried', name);
  const folders = { out: at('out'), in: at('in'), back: at('back'), home: at('home') };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  return folders;
}

/** The one time that it is reached by others: for its certificate, and for the feed of its deployments. */
async function cutOff(mesh: DemoMesh): Promise<Evidence> {
  await mesh.enlist(ISOLATED);
  await mesh.start(ISOLATED);
  const wish = { name: DEPLOYMENTS, context: DEPLOYMENTS, to: [ODCM] };
  await mesh.ask(ISOLATED, 'createFeed', { body: wish });
  await mesh.stop(ISOLATED);
  const { pid } = await mesh.start(ISOLATED, '--offline');
  const { addresses, peers } = await mesh.ask(ISOLATED, 'status');
  promised(addresses.length === 0, `${ISOLATED} listens at ${addresses.join(', ')}`);
  promised(peers.connected === 0, `${ISOLATED} is connected to ${peers.connected} members`);
  return { space: ISOLATED, note: `process ${pid} listens nowhere and is connected to nobody` };
}

async function crossingOf(
  mesh: DemoMesh,
  space: typeof ODCM | typeof ISOLATED,
  way: Crossing['way'],
): Promise<Crossing> {
  const rows = await mesh.rows(space, 'crossings');
  const own = rows.filter((row) => row.way === way);
  promised(own.length === 1, `${space} names ${own.length} bundles`);
  return own[0]!;
}

/** As `sha256sum -c` would. @returns how many files agree */
async function sameSums(folder: string): Promise<number> {
  const names = await readdir(folder);
  const manifest = names.find((name) => name.endsWith('.manifest'));
  promised(manifest !== undefined, 'there is no manifest');
  const lines = (await readFile(join(folder, manifest), 'utf8')).split('\n');
  const sums = lines.flatMap((line) => /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? []);
  promised(sums.length > 0, 'the manifest names no file');
  for (let at = 0; at < sums.length; at += 3) {
    const [sum, name] = [sums[at + 1]!, sums[at + 2]!];
    const found = sha256Hex(await readFile(join(folder, name)));
    promised(found === sum, `${name} has sha256 ${found} instead of ${sum}`);
  }
  return sums.length / 3;
}

const receiptOf = async (
  mesh: DemoMesh,
  space: typeof ODCM | typeof ISOLATED,
): Promise<Receipt | undefined> =>
  (await mesh.rows(space, 'receipts', { query: { space: ISOLATED } })).find(
    ({ kind, isMissing }) => kind === 'deployment' && !isMissing,
  );

function receiptEvidence(space: string, { index, what, outcome, by, bundle }: Receipt): Evidence {
  promised(bundle?.exporter === ODCM, 'the receipt names no bundle');
  const note = `receipt ${index}: ${what} ${outcome} by ${by}, after bundle ${bundle.sequence} of ${bundle.exporter}`;
  return { space, note };
}

const deploymentAt = (nowMs: number): Deployment => ({
  ...{ id: 'ServerTasks-71001', project: 'settlement', release: '9.4.0' },
  ...{ environment: 'Production EU', outcome: 'ok', by: 'Geoff' },
  startedAt: new Date(nowMs - 48_000).toISOString(),
  endedAt: new Date(nowMs).toISOString(),
});
