// At ODCM: what stands behind the point from which the directory goes on, in every history of it that somebody shows. What is
// in none but a losing one is gone once the new epoch begins: an administrator must see it, and above all what took access away.

import { decodeNote, type Note } from '../../protocols/checkpoint.ts';
import { DirectoryState } from '../../protocols/directory.ts';
import { DIRECTORY_EVENTS } from '../../protocols/directory-events.ts';
import { type Envelope, parseEnvelope, parseSource } from '../../protocols/envelope.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import { type Frontier, leafHash } from '../../protocols/merkle.ts';
import { decodeRoot, directoryOriginOf } from '../../protocols/root.ts';
import { decodeRootEnvelope } from '../../protocols/root-chain.ts';
import { RunVerifier } from '../../protocols/run-verifier.ts';
import { decodeSegment, type Packed } from '../../protocols/segment.ts';
import { DIRECTORY_LOG, syncProtocol } from '../../protocols/sync.ts';
import type { Timers } from '../clock.ts';
import { verifyDirectoryNote } from '../directory/log-authority.ts';
import type { FeedLog } from '../feed/log.ts';
import { SyncClient } from '../net/sync-client.ts';
import type { MeshNode } from '../node.ts';
import { shownLine } from './own-line.ts';
import { frontierOf, rootAt } from './prove.ts';

export interface HistoryEntry {
  readonly index: number;
  readonly event: string;
  readonly about: string;
  readonly at: string;
  /** Of the revocation of a space: entries of its feeds, by their paths, that stay good. */
  readonly lastGood: Readonly<Record<string, number>> | null;
}

/** One line of entries behind the point. */
export interface History {
  /** Names of the spaces that show it. */
  readonly from: readonly string[];
  readonly size: number;
  readonly entries: readonly HistoryEntry[];
  /** The directory as it is at its end. */
  readonly state: DirectoryState;
  /** What each revocation of a space leaves good, also one that a later one took back: by space, by the ids of feeds. */
  readonly revoked: ReadonlyMap<string, readonly Readonly<Record<string, number>>[]>;
}

export interface Histories {
  /** The directory as it is at the point. */
  readonly base: DirectoryState;
  readonly histories: readonly History[];
  /** Members that show none: they are not connected, or what they show does not lead through the point. */
  readonly unseen: readonly string[];
  /** Of the two heads that were proven to contradict each other, those of which nobody shows the entries. */
  readonly missing: readonly number[];
  /** How many entries of a feed ODCM knows of; undefined where it knows none. */
  readonly sizeOf: (feed: FeedId) => number | undefined;
}

interface Found {
  readonly from: string[];
  readonly size: number;
  readonly root: string;
  readonly packed: readonly Packed[];
}

/** More behind one point is not read: nobody could look through it. */
const MOST_ENTRIES = 10_000;

/** @param own what ODCM itself has behind the point; what it shows when absent */
export async function directoryHistories(
  node: MeshNode,
  timers: Timers,
  point: number,
  own: FeedLog = shownLine(node.directory, point),
): Promise<Histories> {
  if (own.size < point)
    throw new MeshError('USAGE', `ODCM has ${own.size} entries of the directory, not ${point}`);
  if (own.size - point > MOST_ENTRIES)
    throw new MeshError(
      'TOO_LARGE',
      `more than ${MOST_ENTRIES} entries stand behind entry ${point}`,
    );
  const { name } = node.home.config;
  const found: Found[] = [
    {
      from: [name],
      ...{ size: own.size, root: own.root().toString('hex') },
      packed: await packedOf(own, point, own.size),
    },
  ];
  const seen = new Set([name]);
  for (const peerId of node.host.connectedPeers()) {
    const peer = node.members.spaceOf(peerId)?.name;
    if (peer && (await lookAt(node, timers, { peerId, peer, own, point, found }))) seen.add(peer);
  }
  const before = await packedOf(own, 0, point);
  const tree = await frontierOf(own, point);
  const members = [...node.directory.state.spaces.values()].filter(({ revoked }) => !revoked);
  return {
    base: fold(before),
    histories: found.map(({ from, size, packed }) => describe(before, packed, { from, size })),
    unseen: members.map((row) => row.name).filter((one) => !seen.has(one)),
    missing: missingHeads(node, own, tree, found),
    sizeOf: (feed) => node.feeds.peek(feed)?.head?.size,
  };
}

interface Look {
  readonly peerId: string;
  readonly peer: string;
  readonly own: FeedLog;
  readonly point: number;
  readonly found: Found[];
}

/** True when the peer showed what it has. */
async function lookAt(node: MeshNode, timers: Timers, look: Look): Promise<boolean> {
  const { peerId, peer, own, point, found } = look;
  let client: SyncClient | undefined;
  try {
    const channel = await node.host.open(peerId, syncProtocol(node.home.config.mesh));
    client = new SyncClient(channel, undefined, timers);
    let isSeen = false;
    for (const { note: bytes, held } of await client.heads([DIRECTORY_LOG])) {
      const note = decodeNote(bytes);
      const { size, root } = verifyByAny(node, note);
      if (held < size) continue;
      isSeen = true;
      const isOwn = own.size >= size && (await rootAt(own, size)).equals(root);
      const same = isOwn ? found[0] : found.find((one) => one.root === root.toString('hex'));
      if (size <= point && !isOwn)
        throw new MeshError('ROOT_MISMATCH', 'it parts before the point');
      if (same) same.from.push(peer);
      else found.push(await fetch(client, note, look));
    }
    await client.close();
    return isSeen;
  } catch (error) {
    client?.abort(asMeshError(error));
    const { code, message } = asMeshError(error);
    node.log.warn(
      { space: peer, code },
      `what ${peer} has of the directory is not shown: ${message}`,
    );
    return false;
  }
}

async function fetch(client: SyncClient, { checkpoint }: Note, look: Look): Promise<Found> {
  const { own, peer, point } = look;
  const { size, root } = checkpoint;
  if (size - point > MOST_ENTRIES) throw new MeshError('TOO_LARGE', `${size} entries are too many`);
  const verifier = new RunVerifier(await frontierOf(own, point), checkpoint, DIRECTORY_LOG);
  const packed: Packed[] = [];
  for await (const bytes of client.entries(DIRECTORY_LOG, point, size))
    for (const { segment } of verifier.push(bytes)) packed.push(...segment.entries);
  if (!verifier.isComplete) throw new MeshError('PEER_UNREACHABLE', 'the entries ended early');
  return { from: [peer], size, root: root.toString('hex'), packed };
}

/** By the keys of any root that named them for the epoch of the head. */
function verifyByAny(node: MeshNode, note: Note): Note['checkpoint'] {
  const { home } = node;
  let refusal: MeshError | undefined;
  for (const bytes of home.rootEnvelopes.toReversed()) {
    const root = decodeRoot(decodeRootEnvelope(bytes).payload);
    const origin = directoryOriginOf(home.config.mesh, root);
    if (origin !== note.checkpoint.origin) continue;
    try {
      return verifyDirectoryNote(note, root, origin);
    } catch (error) {
      refusal = asMeshError(error);
    }
  }
  throw refusal ?? new MeshError('WRONG_ORIGIN', 'the head is not one of the directory');
}

/** Sizes of the heads in the proof of the fork that no history leads through. */
function missingHeads(
  node: MeshNode,
  own: FeedLog,
  tree: Frontier,
  found: readonly Found[],
): number[] {
  const { note } = own;
  const origin = note ? decodeNote(note).checkpoint.origin : node.directory.origin;
  const notes = node.forks.of(origin)?.proof.notes ?? [];
  const wanted = new Map(notes.map(({ checkpoint: c }) => [c.root.toString('hex'), c.size]));
  for (const { packed } of found) {
    const line = tree.clone();
    wanted.delete(line.root().toString('hex'));
    for (const { leaf } of packed) {
      line.append(leafHash(leaf));
      wanted.delete(line.root().toString('hex'));
    }
  }
  // What lies before the point is in all of them.
  return [...wanted.values()].filter((size) => size > tree.size);
}

async function packedOf(log: FeedLog, from: number, to: number): Promise<Packed[]> {
  const packed: Packed[] = [];
  for await (const bytes of log.segments(from, to)) packed.push(...decodeSegment(bytes).entries);
  return packed;
}

function envelopeOf({ record }: Packed): Envelope | undefined {
  try {
    return record ? parseEnvelope(record) : undefined;
  } catch {
    return undefined;
  }
}

function fold(packed: readonly Packed[]): DirectoryState {
  const state = new DirectoryState();
  for (const one of packed) {
    const envelope = envelopeOf(one);
    if (envelope) state.apply(envelope);
    else state.passOver();
  }
  return state;
}

function describe(
  before: readonly Packed[],
  packed: readonly Packed[],
  { from, size }: Pick<History, 'from' | 'size'>,
): History {
  const state = fold([...before, ...packed]);
  const revoked = new Map<string, Readonly<Record<string, number>>[]>();
  const entries = packed.map((one, at): HistoryEntry => {
    const envelope = envelopeOf(one);
    const end = envelope && revocationIn(envelope);
    if (end) revoked.set(end.space, [...(revoked.get(end.space) ?? []), end.lastGood]);
    return {
      index: before.length + at,
      event: envelope?.type ?? 'unreadable',
      about: envelope ? aboutOf(state, envelope) : '',
      at: envelope?.occurredTimeUtc ?? '',
      lastGood: end ? lastGoodByPath(state, end.lastGood) : null,
    };
  });
  return { from, size, entries, state, revoked };
}

function revocationIn({ type, payload }: Envelope) {
  if (type !== 'SpaceRevokedV1Event') return undefined;
  return DIRECTORY_EVENTS.SpaceRevokedV1Event.safeParse(payload).data;
}

/** By the names that people know; an id stays where the directory does not know the feed. */
export function lastGoodByPath(
  state: DirectoryState,
  lastGood: Readonly<Record<string, number>>,
): Record<string, number> {
  const paths = new Map<string, string>();
  for (const feed of state.feeds.values()) paths.set(feed.id, state.feedPath(feed));
  return Object.fromEntries(
    Object.entries(lastGood).map(([feed, size]) => [paths.get(feed) ?? feed, size]),
  );
}

/** What the entry is about, by the names that people know. */
function aboutOf(state: DirectoryState, { source }: Envelope): string {
  const { item } = parseSource(source);
  const id = item.slice(item.indexOf('/') + 1).split('/')[0] ?? '';
  for (const space of state.spaces.values()) if (space.id === id) return space.name;
  for (const feed of state.feeds.values()) if (feed.id === id) return state.feedPath(feed);
  const grant = [...state.grants.values(), ...state.endedGrants].find((one) => one.id === id);
  if (!grant) return item;
  const feed = grant.feed === '*' ? undefined : state.feeds.get(grant.feed);
  const nameOf = (space: typeof grant.publisher) => state.spaces.get(space)?.name ?? space;
  const reader = grant.subscriber === '*' ? 'all' : nameOf(grant.subscriber);
  return `${reader} ${feed ? state.feedPath(feed) : nameOf(grant.publisher)}`;
}
