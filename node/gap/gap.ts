// The air gap of one node: its ledger, what lies in quarantine, its receipts and those it was given; exports and imports.
// Wires these parts together; each is in a file of its own.

import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { receiptsOrigin } from '../../protocols/ids.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { MeshNode } from '../node.ts';
import type { HeldNotes } from '../replicate/held-notes.ts';
import type { Store } from '../store/store.ts';
import { DeploymentReceipts } from './deployment-receipts.ts';
import { type Exported, type ExportOrder, exportBundle } from './export.ts';
import { HeardByFile } from './heard-by-file.ts';
import { Imports } from './import.ts';
import { Ledger } from './ledger.ts';
import { Quarantine } from './quarantine.ts';
import { ReceiptBook } from './receipt-book.ts';
import { ReceiptLog } from './receipt-log.ts';
import { ReceiptMark } from './receipt-mark.ts';

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
  /** Spaces that something signed came of. */
  readonly heard = new HeardByFile();
  readonly #o: GapOptions;
  #opened:
    | {
        readonly receipts: ReceiptLog;
        readonly imports: Imports;
        readonly deployments: DeploymentReceipts;
      }
    | undefined;
  /** One at a time: two exports for one space would go by the same number. */
  #exporting: Promise<unknown> = Promise.resolve();

  constructor(options: GapOptions) {
    const { logs, node } = options;
    this.#o = options;
    this.ledger = new Ledger(logs, (row) => this.heard.crossed(row));
    this.book = new ReceiptBook({
      ...{ store: logs, ledger: this.ledger, clock: node.clock, mesh: node.home.config.mesh },
      directory: node.directory,
      onKept: (kept) => this.heard.received(kept),
    });
  }

  /** Opens what it has and finishes an import that a crash cut; before anybody reads the node. */
  async begin(): Promise<void> {
    const { node, logs } = this.#o;
    const { home, keys, directory, feeds, blocks, subscriptions, roots, log } = node;
    // Ages and ends are judged by the time that trust goes by: a clock that was put back makes no old bundle new.
    const clock = node.trustClock;
    const { mesh, space } = home.config;
    const origin = receiptsOrigin(mesh, space);
    const receipts = await ReceiptLog.open({
      ...{ store: logs, origin },
      signer: () => keys.signers(origin)[0]!,
      mark: new ReceiptMark(home.paths.receiptMark),
    });
    if (receipts.fault) log.error({ code: receipts.fault.code }, receipts.fault.message);
    const imports = new Imports({
      ...{ home, logs, directory, feeds, blocks, subscriptions, roots, clock, receipts },
      ...{ ledger: this.ledger, quarantine: new Quarantine(home.paths.quarantine), log },
      isFrozen: (origin) => node.forks.of(origin) !== undefined,
    });
    const deployments = new DeploymentReceipts({
      ...{ store: logs, ledger: this.ledger, receipts, home, directory },
    });
    this.#opened = { receipts, imports, deployments };
    // What is damaged says so to whoever asks for it; the node goes on without.
    const goOn = (error: unknown) => {
      if (!isMeshError(error, 'STORE_DAMAGED')) throw error;
      log.error({ code: error.code }, error.message);
    };
    await imports.resume().catch(goOn);
    await this.heard.open(this.ledger, this.book).catch(goOn);
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
    const { home, directory, feeds, blocks, trustClock: clock } = node;
    const mayLeave = (feed: OpenFeed) => node.gate.mayLeave(feed);
    const own = { heldNotes, ledger: this.ledger, mayLeave };
    const parts = { home, directory, feeds, blocks, clock, ...own };
    const running = this.#exporting.catch(() => {}).then(() => exportBundle(parts, order));
    this.#exporting = running;
    return running;
  }

  /** An own feed has grown, or was opened: its deployments get the receipts that they lack. */
  async deployed(feed: OpenFeed): Promise<void> {
    if (feed.row.context === 'deployments') await this.#opened?.deployments.follow(feed);
  }
}
