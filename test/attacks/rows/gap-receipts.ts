// Receipts that are forged, exchanged, dropped or signed twice; and what a shell with openssl says of the same.

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProvenReceipt } from '../../../node/gap/receipt-log.ts';
import { ed25519FromRaw } from '../../../protocols/ed25519.ts';
import { decodeReceipt } from '../../../protocols/gap/receipt.ts';
import { receiptsOrigin } from '../../../protocols/ids.ts';
import { type Scene, verdictOf, withScene } from '../gap-site.ts';
import type { Row } from '../row.ts';

const SCRIPT = fileURLToPath(new URL('../../../protocols/gap/verify.sh', import.meta.url));

/** Six receipts of the vault. */
async function sixReceipts({ sites, vault }: Scene): Promise<ProvenReceipt[]> {
  Object.assign(vault.home.config, { gap: { receipts: true } });
  const feed = await sites.feed('vault', 'deployments', 'all', 'deployments');
  const at = new Date(sites.nowMs).toISOString();
  const drafts = Array.from({ length: 6 }, (_, i) => ({
    item: `Deployments-${i}`,
    body: {
      payload: {
        ...{ id: `Deployments-${i}`, project: 'Web', release: '1.0', environment: 'Production' },
        ...{ outcome: 'ok', startedAt: at, endedAt: at, by: 'Geoff' },
      },
    },
  }));
  await sites.publish(vault, feed, drafts);
  await vault.node.gap.deployed(await vault.node.feeds.open(feed));
  return Array.fromAsync(vault.node.gap.receipts.proven());
}

interface Forgery {
  readonly receipt: Buffer;
  readonly proof: Buffer;
}

function* forgeries(all: readonly ProvenReceipt[], step: number): Generator<Forgery> {
  const [one, two] = [all[1]!, all[2]!];
  yield { receipt: one.receipt, proof: two.proof };
  yield { receipt: two.receipt, proof: one.proof };
  const text = one.proof.toString();
  yield { receipt: one.receipt, proof: Buffer.from(text.replace('index 1', 'index 2')) };
  yield { receipt: one.receipt, proof: Buffer.from(text.replace('\n6\n', '\n7\n')) };
  const { payload } = decodeReceipt(one.receipt);
  const other = Buffer.from(payload.toString().replace('"ok"', '"failed"')).toString('base64');
  const { payload: own } = JSON.parse(one.receipt.toString()) as { payload: string };
  yield { receipt: Buffer.from(one.receipt.toString().replace(own, other)), proof: one.proof };
  for (let at = 0; at < one.receipt.length; at += step) {
    const receipt = Buffer.from(one.receipt);
    receipt[at]! ^= 1;
    yield { receipt, proof: one.proof };
  }
}

export const rows: readonly Row[] = [
  {
    id: 'A08',
    what: 'receipts with other bytes, other proofs and other numbers; some are dropped',
    how: 'vectors',
    expected: '0 accepted, the gap is shown',
    run: ({ folder, isLong }) =>
      withScene(folder, async (scene) => {
        const { library, vault } = scene;
        const all = await sixReceipts(scene);
        const { book } = library.node.gap;
        let [tried, accepted] = [0, 0];
        for (const { receipt, proof } of forgeries(all, isLong ? 1 : 5)) {
          tried++;
          if ((await verdictOf(() => book.add(receipt, proof))) === 'nothing') accepted++;
        }
        // Out of order, and without two of them.
        for (const at of [5, 0, 3, 2]) await book.add(all[at]!.receipt, all[at]!.proof);
        const missing = await book.missing(vault.id, 100);
        return {
          measured: `${accepted} of ${tried} accepted, missing: ${missing.join(', ')}`,
          pass: accepted === 0 && missing.join() === '1,4',
        };
      }),
  },
  {
    id: 'A09',
    what: 'verify.sh with the openssl of this machine, on good and forged receipts',
    how: 'processes',
    expected: 'the same verdict as the importer each time',
    run: ({ folder, isLong, log }) =>
      withScene(folder, async (scene) => {
        const { library, vault } = scene;
        const all = await sixReceipts(scene);
        const origin = receiptsOrigin(scene.sites.ground.mesh, vault.id);
        const row = vault.node.directory.state.spaces.get(vault.id)!;
        const key = join(folder, 'key.pem');
        await writeFile(key, ed25519FromRaw(row.nodeKey).export({ format: 'pem', type: 'spki' }));
        const shell = async ({ receipt, proof }: Forgery): Promise<boolean> => {
          const [r, p] = [join(folder, 'r.json'), join(folder, 'p.txt')];
          await writeFile(r, receipt);
          await writeFile(p, proof);
          try {
            execFileSync('sh', [SCRIPT, r, p, key, origin], { stdio: 'pipe' });
            return true;
          } catch {
            return false;
          }
        };
        const { book } = library.node.gap;
        const cases = [...all, ...forgeries(all, isLong ? 10 : 200)];
        let different = 0;
        for (const one of cases) {
          const ours = await verdictOf(async () => book.verify(one.receipt, one.proof));
          if ((await shell(one)) !== (ours === 'nothing')) different++;
        }
        log(execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim());
        return {
          measured: `${different} of ${cases.length} verdicts differ`,
          pass: different === 0,
        };
      }),
  },
];
