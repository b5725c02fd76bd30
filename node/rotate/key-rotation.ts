// New keys for this space while its node runs: made and written down first, then proven to ODCM, and in force once the
// directory names them. A stop or a lost answer at any point is made good at the next connection with ODCM.

import type { KeyObject } from 'node:crypto';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { proveRotation } from '../../certs/rotation.ts';
import { generateX25519 } from '../../certs/x25519.ts';
import { decodeNote } from '../../protocols/checkpoint.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Wish } from '../../protocols/petition.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { MeshNode } from '../node.ts';
import { Turn } from '../turn.ts';
import { adoptKeys } from './adopt-keys.ts';
import type { OwnKeys } from './own-keys.ts';

type RotationWish = Extract<Wish, { wish: 'rotate-keys' }>;

export interface KeyRotationOptions {
  readonly node: MeshNode;
  readonly keys: OwnKeys;
}

export class KeyRotation {
  readonly #o: KeyRotationOptions;
  readonly #turn = new Turn();
  readonly #adopted = new Set<() => void>();

  constructor(options: KeyRotationOptions) {
    this.#o = options;
  }

  /** Asks ODCM for new keys; resolves when it has written them down. @throws ODCM_UNREACHABLE: it is asked again later */
  rotate(): Promise<void> {
    return this.#turn.take(async () => {
      this.#assertNewest();
      await this.#ask();
    });
  }

  /** What a courier takes to ODCM instead: what the new keys prove, and the key that they will be known by. */
  claim(): Promise<{ readonly wish: RotationWish; readonly nodeKey: KeyObject }> {
    return this.#turn.take(async () => {
      this.#assertNewest();
      return { wish: await this.#wish(), nodeKey: await this.#o.node.home.keys.get('nodeKeyNext') };
    });
  }

  #assertNewest(): void {
    if (!this.#o.keys.isIdentityFormer) return;
    throw new MeshError('BUSY', 'the node still goes by its former key', {
      next: 'Start the node again, then rotate.',
    });
  }

  /** Goes on with what was begun before: called whenever ODCM is reached. */
  resume(): Promise<void> {
    return this.#turn.take(async () => {
      const isBegun = (await this.#o.node.home.keys.find('nodeKeyNext')) !== undefined;
      if (isBegun && !this.#o.keys.isIdentityFormer) await this.#ask();
    });
  }

  async #ask(): Promise<void> {
    await this.#o.node.petitioner.petition(await this.#wish());
  }

  async #wish(): Promise<RotationWish> {
    const { node, keys } = this.#o;
    const { config, root } = node.home;
    const { nodeKey, exchangeKey } = await this.#nextKeys();
    const odcm = node.directory.state.spaces.get(root.root.odcm);
    if (!odcm) throw new MeshError('ODCM_UNREACHABLE', 'the directory here does not list ODCM');
    // From here on every head carries both signatures, so that none between here and there is refused.
    keys.prepare(nodeKey);
    const from = await this.#sizes();
    const { mesh, space } = config;
    const formerNodeKey = ed25519Raw(keys.current);
    const parts = { mesh, space, formerNodeKey, nodeKey, exchangeKey };
    const claims = proveRotation({ ...parts, odcmExchangeKey: odcm.exchangeKey });
    return { wish: 'rotate-keys', ...claims, from };
  }

  async #nextKeys() {
    const { keys } = this.#o.node.home;
    const make = { nodeKeyNext: generateEd25519, exchangeKeyNext: generateX25519 };
    for (const name of ['exchangeKeyNext', 'nodeKeyNext'] as const) {
      if ((await keys.state(name)) === 'missing') await keys.add(name, make[name]());
    }
    return {
      nodeKey: await keys.get('nodeKeyNext'),
      exchangeKey: await keys.get('exchangeKeyNext'),
    };
  }

  /** Sizes up to which the key that is in force has signed alone, at most. */
  async #sizes(): Promise<Record<FeedId, number>> {
    const from: Record<FeedId, number> = {};
    for (const feed of await this.#ownFeeds()) {
      // What is being written now was begun before the next key signed beside.
      await feed.log.exclusively(() => Promise.resolve());
      if (feed.log.size > 0) from[feed.row.id] = feed.log.size;
    }
    return from;
  }

  async #ownFeeds(): Promise<OpenFeed[]> {
    const { directory, feeds, home } = this.#o.node;
    const own = [...directory.state.feeds.values()].filter(
      (row) => row.space === home.config.space,
    );
    return Promise.all(own.map((row) => feeds.open(row.id)));
  }

  /**
   * After a change of the directory: puts the next keys in force once it names them. A new epoch of it may name the former ones
   * again: then they are in force, and the newest are asked for once more, since until then the former count.
   */
  async directoryChanged(): Promise<void> {
    const { node, keys } = this.#o;
    const row = node.directory.state.spaces.get(node.home.config.space);
    if (!row || row.nodeKey.equals(ed25519Raw(keys.current))) return;
    const isFormer = keys.isFormer(row.nodeKey);
    await adoptKeys(node.home, row, node.trustClock.nowMs());
    // Somebody else may have looked after the folder first.
    if (!ed25519Raw(await node.home.nodeKey()).equals(row.nodeKey)) return this.#tellIfLost(row);
    if (isFormer) keys.goBack();
    else keys.advance();
    await this.#signHeads();
    const entry = row.keys.at(-1)?.entry;
    if (isFormer)
      node.log.warn({ entry }, 'the directory names the former keys of this space again');
    else node.log.info({ entry }, 'the new keys of this space are in force');
    for (const tell of this.#adopted) tell();
    if (isFormer) await this.resume();
  }

  /** The directory goes on from before a rotation, whose former key nobody has any more. */
  async #tellIfLost({ name, nodeKey, revoked }: SpaceRow): Promise<void> {
    const { home, log } = this.#o.node;
    const names = ['nodeKey', 'nodeKeyNext', 'nodeKeyBefore'] as const;
    const own = await Promise.all(names.map((key) => home.keys.find(key)));
    if (revoked || own.some((key) => key && ed25519Raw(key).equals(nodeKey))) return;
    log.error(
      { space: name },
      'the directory names a key of this space that is not here any more: have ODCM revoke it, and join anew',
    );
  }

  /** Whether the keys that were asked for last are in force, after some waiting for the directory to come back. */
  async inForce(signal: AbortSignal): Promise<boolean> {
    const isWaiting = async () => (await this.#o.node.home.keys.state('nodeKeyNext')) !== 'missing';
    const patience = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.requestTimeoutMs)]);
    while ((await isWaiting()) && !patience.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#adopted.delete(done);
          resolve();
        };
        this.#adopted.add(done);
        patience.addEventListener('abort', done, { once: true });
      });
    }
    return !(await isWaiting());
  }

  onAdopted(listener: () => void): void {
    this.#adopted.add(listener);
  }

  /** The heads at the switch: those who come later know the new key only. */
  async #signHeads(): Promise<void> {
    const { feeds } = this.#o.node;
    for (const feed of await this.#ownFeeds()) {
      const { note } = feed.log;
      if (!note) continue;
      const { checkpoint } = decodeNote(note);
      // A head that is written meanwhile is newer and has both signatures: then this one changes nothing.
      const bytes = feeds.signAgain(feed, checkpoint);
      await feed.log.setNote(bytes, true);
      if (feed.head?.size === checkpoint.size) feed.headNote = bytes;
    }
  }
}
