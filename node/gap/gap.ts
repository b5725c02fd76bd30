// The air gap of one node: its ledger, what lies in quarantine, its receipts and those it was given; exports and imports.
// Wires these parts together; each is in a file of its own.

import { hash as digest } from 'node:crypto';
import { MeshError } from '../../protocols/errors.ts';
import { receiptsOrigin } from '../../protocols/ids.ts';
import type { Deployment } from '../../protocols/reports.ts';
import type { MeshNode } from '../node.ts';
import type { HeldNotes } from '../replicate/held-notes.ts';
import type { Store } from '../store/store.ts';
import { type Exported, type ExportOrder, exportBundle } from './export.ts';
import { Imports } from './import.ts';
import { Ledger } from './ledger.ts';
import { Quarantine } from './quarantine.ts';
import { ReceiptBook } from './receipt-book.ts';
import { ReceiptLog } from './receipt-log.ts';

export interface GapOptions {
  readonly node: MeshNode;
  /** The database of logs. */
  readonly logs: Store;
  readonly heldNotes: HeldNotes;
}

export class Gap {
  readonly ledger: Ledger;
  /** Receipts of other spaces that came here. */
  readonly book: ReceiptBook;
  readonly #o: GapOptions;
  #opened: { readonly receipts: ReceiptLog; readonly imports: Imports } | undefined;
  /** One at a time: two exports for one space would go by the same number. */
  #exporting: Promise<unknown> = Promise.resolve();

  constructor(options: GapOptions) {
    const { logs, node } = options;
    this.#o = options;
    this.ledger = new Ledger(logs);
    this.book = new ReceiptBook({
      ...{ store: logs, ledger: this.ledger, clock: node.clock, mesh: node.home.config.mesh },
      directory: node.directory,
    });
  }

  /** Opens what it has and finishes an import that a crash cut; before anybody reads the node. */
  async begin(): Promise<void> {
    const { node, logs } = this.#o;
    const { home, keys, directory, feeds, blocks, subscriptions, roots, clock } = node;
    const { mesh, space } = home.config;
    const origin = receiptsOrigin(mesh, space);
    const receipts = await ReceiptLog.open({
      ...{ store: logs, origin },
      signer: () => keys.signers(origin)[0]!,
    });
    const imports = new Imports({
      ...{ home, logs, directory, feeds, blocks, subscriptions, roots, clock, receipts },
      ...{ ledger: this.ledger, quarantine: new Quarantine(home.paths.quarantine) },
    });
    this.#opened = { receipts, imports };
    await imports.resume();
  }

  get #parts() {
    if (this.#opened) return this.#opened;
    throw new MeshError('BUSY', 'the node is still starting');
  }

  get imports(): Imports {
    return this.#parts.imports;
  }

  /** What this space has signed itself. */
  get receipts(): ReceiptLog {
    return this.#parts.receipts;
  }

  export(order: ExportOrder): Promise<Exported | undefined> {
    const { node, heldNotes } = this.#o;
    const { home, directory, feeds, blocks, clock } = node;
    const parts = { home, directory, feeds, blocks, clock, heldNotes, ledger: this.ledger };
    const running = this.#exporting.catch(() => {}).then(() => exportBundle(parts, order));
    this.#exporting = running;
    return running;
  }

  /** A deployment of this space was published: where receipts are wanted it gets one. Told twice it is signed once. */
  async deployed(deployment: Deployment, record: Uint8Array): Promise<void> {
    const { node } = this.#o;
    const { home, directory } = node;
    const bundle = await this.#newestApplied();
    if (!(home.config.gap?.receipts ?? bundle !== null)) return;
    const subject = {
      name: `deployment:${deployment.id}`,
      sha256: digest('sha256', record, 'hex'),
    };
    if (await this.receipts.has(subject)) return;
    const { mesh, space: id, name } = home.config;
    const { size, root } = directory.applied;
    await this.receipts.append(
      {
        ...{ kind: 'deployment', mesh, space: { id, name } },
        ...{ id: deployment.id, project: deployment.project, environment: deployment.environment },
        ...{ release: deployment.release, outcome: deployment.outcome },
        startedAt: new Date(deployment.startedAt).toISOString(),
        finishedAt: new Date(deployment.endedAt).toISOString(),
        deployedBy: deployment.by,
        bundle,
        directory: { size, root: Buffer.from(root).toString('hex') },
      },
      subject,
    );
  }

  async #newestApplied() {
    let newest: {
      exporter: string;
      sequence: number;
      manifestSha256: string;
      atMs: number;
    } | null = null;
    for await (const row of this.ledger.crossings('in')) {
      if (row.state !== 'applied' || row.atMs < (newest?.atMs ?? 0)) continue;
      newest = {
        exporter: row.space,
        sequence: row.sequence,
        manifestSha256: row.manifest,
        atMs: row.atMs,
      };
    }
    if (newest === null) return null;
    const { exporter, sequence, manifestSha256 } = newest;
    return { exporter: exporter as never, sequence, manifestSha256 };
  }
}
