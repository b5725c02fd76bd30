// Receipts of what this space deploys: one for each deployment that it publishes after a bundle was let in, or for all where
// the folder's configuration wants them. How far a feed was looked at is kept, so a crash costs no receipt and makes none twice.

import { KIND } from '../../protocols/entry.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { type Deployment, parseDeploymentOf } from '../../protocols/reports.ts';
import type { Directory } from '../directory/directory.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import { type ReadEntry, readEntries } from '../feed/read-entries.ts';
import type { Home } from '../home/home.ts';
import { markKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { Crossing, Ledger } from './ledger.ts';
import type { ReceiptLog } from './receipt-log.ts';

export interface DeploymentReceiptsOptions {
  /** The one that the logs are in. */
  readonly store: Store;
  readonly ledger: Ledger;
  readonly receipts: ReceiptLog;
  readonly home: Pick<Home, 'config'>;
  readonly directory: Pick<Directory, 'applied'>;
}

const seenKey = ({ origin }: OpenFeed): Buffer => markKey(`receipts/seen/${origin}`);

export class DeploymentReceipts {
  readonly #o: DeploymentReceiptsOptions;
  readonly #turn = new Turn();

  constructor(options: DeploymentReceiptsOptions) {
    this.#o = options;
  }

  /** Looks at what is new in an own feed of deployments. */
  follow(feed: OpenFeed): Promise<void> {
    return this.#turn.take(async () => {
      const applied = await this.#applied();
      const always = this.#o.home.config.gap?.receipts;
      if (!(always ?? applied.length > 0)) return;
      const { store } = this.#o;
      const to = feed.log.size;
      const seen = await store.get(seenKey(feed));
      // At the first look there may be years of them; who asks for receipts asks for those to come.
      const from = seen ? Number(seen.toString()) : Math.max(0, to - LIMITS.receiptsCatchUp);
      if (from >= to) return;
      for await (const entry of readEntries(feed, from, to)) await this.#sign(entry, applied);
      await store.write([{ type: 'put', key: seenKey(feed), value: Buffer.from(String(to)) }]);
    });
  }

  /** Bundles that were let in, newest first. */
  async #applied(): Promise<Crossing[]> {
    const rows: Crossing[] = [];
    for await (const row of this.#o.ledger.crossings('in'))
      if (row.state === 'applied') rows.push(row);
    return rows.sort((a, b) => b.atMs - a.atMs);
  }

  async #sign(read: ReadEntry, applied: readonly Crossing[]): Promise<void> {
    const deployment = deploymentOf(read);
    if (!deployment) return;
    const { receipts, home, directory } = this.#o;
    const { mesh, space: id, name, gap } = home.config;
    const endedMs = Date.parse(deployment.endedAt);
    const bundle = applied.find(({ atMs }) => atMs <= endedMs);
    // Nothing had crossed when it ran, and nobody wants to know.
    if (!bundle && gap?.receipts !== true) return;
    const subject = { name: `deployment:${deployment.id}`, sha256: hashOf(read) };
    if (await receipts.has(subject)) return;
    const { size, root } = directory.applied;
    await receipts.append(
      {
        ...{ kind: 'deployment', mesh, space: { id, name }, id: deployment.id },
        ...{ project: deployment.project, environment: deployment.environment },
        ...{ release: deployment.release, outcome: deployment.outcome },
        startedAt: new Date(deployment.startedAt).toISOString(),
        finishedAt: new Date(endedMs).toISOString(),
        deployedBy: deployment.by,
        bundle: bundle
          ? {
              exporter: bundle.space,
              sequence: bundle.sequence,
              manifestSha256: bundle.manifest,
            }
          : null,
        directory: { size, root: Buffer.from(root).toString('hex') },
      },
      subject,
    );
  }
}

/** Of the record as it is in an open feed, sealed or not. */
const hashOf = ({ entry, leaf }: ReadEntry): string =>
  entry.record ? Buffer.from(entry.record.hash).toString('hex') : sha256(leaf).toString('hex');

/** What breaks the contract, or cannot be read, is no deployment that could be signed for. */
function deploymentOf({ entry, body, item }: ReadEntry): Deployment | undefined {
  const isPublished = entry.kind === KIND.publish || entry.kind === KIND.supersede;
  if (!isPublished || body?.kind !== 'event' || item === undefined) return undefined;
  try {
    return parseDeploymentOf(item, body.envelope.payload, entry.timeMs);
  } catch (error) {
    if (isMeshError(error)) return undefined;
    throw error;
  }
}
