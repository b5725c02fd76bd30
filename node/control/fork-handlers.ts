// Control API: forks and their proofs, letting a feed go on after one, and letting out what is held.

import { MeshError } from '../../protocols/errors.ts';
import { encodeForkProof } from '../../protocols/fork-proof.ts';
import { decodeRoot, directoryOriginOf } from '../../protocols/root.ts';
import { decodeRootEnvelope } from '../../protocols/root-chain.ts';
import { feedOfOrigin, knownFeedOf } from '../fork/check-proof.ts';
import { findContinuation } from '../fork/continuation.ts';
import type { Fork } from '../fork/fork-book.ts';
import type { MeshNode } from '../node.ts';
import { resolveRow } from './feed-handlers.ts';
import { type Handlers, iso } from './handler.ts';

/** What stands for the directory where logs are named. */
const DIRECTORY = 'directory';

/** What a fork is about; undefined when it is no log of this directory. */
function subjectOf(node: MeshNode, { origin }: Fork) {
  const { state } = node.directory;
  const of = knownFeedOf({ mesh: node.home.config.mesh, state }, origin);
  if (of === 'unknown') return { name: origin, isSettled: true, held: 0 };
  if (!of) {
    const isSettled = origin !== node.directory.origin;
    return { name: DIRECTORY, isSettled, held: isSettled ? 0 : node.directory.log.size };
  }
  const feed = node.feeds.peek(of.row.id);
  return {
    name: state.feedPath(of.row),
    isSettled: of.row.epoch > of.epoch,
    held: feed?.origin === origin ? feed.log.size : 0,
  };
}

function showFork(node: MeshNode, fork: Fork) {
  const { name, isSettled, held } = subjectOf(node, fork);
  const [a, b] = fork.proof.notes;
  return {
    ...{ log: name, origin: fork.origin, held, settled: isSettled },
    ...{ size: a.checkpoint.size, otherSize: b.checkpoint.size },
    common: Math.min(fork.commonSize, held),
    foundAt: iso(fork.foundMs),
  };
}

function signersOf(
  node: MeshNode,
  { origin }: Fork,
): { keys: readonly Buffer[]; threshold: number } {
  const { state } = node.directory;
  const of = feedOfOrigin({ mesh: node.home.config.mesh, state }, origin);
  if (of) {
    const keys = state.spaces.get(of.row.space)!.keys.map(({ nodeKey }) => nodeKey);
    return { keys, threshold: 1 };
  }
  // A fork of an epoch that is over was signed by the keys of its time, which may be gone since.
  const { mesh } = node.home.config;
  const roots = node.home.rootEnvelopes.map((bytes) =>
    decodeRoot(decodeRootEnvelope(bytes).payload),
  );
  const { keys, roles } =
    roots.findLast((root) => directoryOriginOf(mesh, root) === origin) ?? node.home.root.root;
  const { keyids, threshold } = roles.directory;
  return { keys: keyids.map((id) => keys.get(id)!), threshold };
}

/** The newest fork of a log: an older one is settled. */
function forkNamed(node: MeshNode, log: string): Fork {
  const name = log === DIRECTORY ? log : node.directory.state.feedPath(resolveRow(node, log));
  const found = node.forks
    .all()
    .filter((fork) => subjectOf(node, fork).name === name)
    .toSorted((a, b) => b.foundMs - a.foundMs);
  if (found[0]) return found[0];
  throw new MeshError('NO_SUCH_ENTRY', `no fork of ${name} is known here`, {
    next: 'List those that are: odcm forks',
  });
}

export const forkHandlers: Pick<Handlers, 'forks' | 'fork' | 'continueFeed' | 'releaseFeed'> = {
  async forks({ node }) {
    return node.forks
      .all()
      .map((fork) => showFork(node, fork))
      .toSorted((a, b) => a.log.localeCompare(b.log) || a.origin.localeCompare(b.origin));
  },

  async fork({ node, query }) {
    const fork = forkNamed(node, query.log);
    const { notes, altRoot, path } = fork.proof;
    const { keys, threshold } = signersOf(node, fork);
    return {
      log: subjectOf(node, fork).name,
      foundAt: iso(fork.foundMs),
      publicKeys: keys.map((key) => key.toString('base64')),
      threshold,
      notes: notes.map(({ bytes }) => bytes.toString('utf8')),
      altRoot: altRoot?.toString('base64') ?? null,
      path: path.map((hash) => hash.toString('base64')),
      proof: encodeForkProof(fork.proof).toString('base64'),
    };
  },

  async continueFeed({ node, body }) {
    if (!node.odcm)
      throw new MeshError('NOT_ODCM', `${node.home.config.name} is not the ODCM node`);
    const row = resolveRow(node, body.feed);
    const point = await findContinuation(node, node.timers, row, body.size);
    const { epoch, entry } = await node.odcm.trust.startEpoch(row.id, point);
    const { size, root } = point;
    const feed = node.directory.state.feedPath(row);
    return { feed, epoch, size, root: root.toString('hex'), entry };
  },

  async releaseFeed({ node, body }) {
    const feed = await node.feeds.open(resolveRow(node, body.feed).id);
    if (!feed.publisher)
      throw new MeshError('READ_ONLY', `${feed.path} is not a feed of this space`);
    const released = node.gate.held(feed) ?? 0;
    node.gate.release(feed);
    return { feed: feed.path, released };
  },
};

/** Logs with two histories that do not go on yet. */
export function openForks(node: MeshNode): string[] {
  const { isWaiting, refusal, isFrozen } = node.directory;
  // Its fork is settled by the root; here it goes on only when the new epoch has come.
  const directory = (isWaiting || refusal) && !isFrozen ? [DIRECTORY] : [];
  return [...directory, ...forkedLogs(node)];
}

function forkedLogs(node: MeshNode): string[] {
  return node.forks
    .all()
    .map((fork) => subjectOf(node, fork))
    .filter(({ isSettled }) => !isSettled)
    .map(({ name }) => name);
}
