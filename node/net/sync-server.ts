// The answering side of the sync protocol. It serves stored bytes as they are and asks its carrier, for each request
// anew, whether this peer may have this log: a grant can end in the middle of a stream.

import type { Cid } from '../../protocols/codec.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { consistencyProof } from '../../protocols/merkle.ts';
import {
  type Answer,
  type CarriedHead,
  DIRECTORY_LOG,
  decodeRequest,
  encodeAnswer,
  type Request,
} from '../../protocols/sync.ts';
import { systemTimers, type Timers } from '../clock.ts';
import type { FeedLog } from '../feed/log.ts';
import type { FrameChannel } from './frames.ts';
import { nextRequest, ReaderPace } from './request-pace.ts';

/** What a node serves, and to whom. */
export interface Carrier {
  /** @throws NO_GRANT, REVOKED, FEED_UNKNOWN */
  carriedLog(peerId: string, log: Uint8Array, what?: 'entries' | 'proofs'): Promise<FeedLog>;
  /** Newest head, and before it the newest one whose entries are all here, where that is another. */
  carriedHeads(peerId: string, log: Uint8Array): Promise<CarriedHead[]>;
  /**
   * A block that this log names; undefined when it is not here, or belongs to other logs only.
   * @throws NO_GRANT, REVOKED, FEED_UNKNOWN
   */
  carriedBlock(peerId: string, log: Uint8Array, cid: Cid): Promise<Buffer | undefined>;
  /** Of a forked log, how many entries are still given: those in both of its histories. Undefined for any other. */
  servedTo?(log: Uint8Array): number | undefined;
  /** Envelopes of root metadata from this version on; to members only. */
  roots(peerId: string, version: number): readonly Buffer[];
  /** A member says of itself what it says to all; what another start of its space said, if there is one. */
  told(peerId: string, statement: Uint8Array): Buffer | undefined;
  /** Proofs of forks that are not settled yet; to members only. */
  forks(peerId: string): readonly Buffer[];
  /** A wish of a member to ODCM; refused by every other node. */
  petition(peerId: string, bytes: Uint8Array): Promise<string>;
}

/** Serves one stream until the peer ends it or is silent for too long. */
export async function serveSync(
  channel: FrameChannel,
  peerId: string,
  carrier: Carrier,
  timers: Timers = systemTimers,
): Promise<void> {
  for (;;) {
    const frame = await nextRequest(channel, timers);
    if (!frame) return;
    const reader = new ReaderPace(channel, timers);
    try {
      await serveOne(frame, channel, peerId, carrier, (answer) =>
        reader.send(encodeAnswer(answer)),
      );
    } finally {
      reader.stop();
    }
  }
}

async function serveOne(
  frame: Uint8Array,
  channel: FrameChannel,
  peerId: string,
  carrier: Carrier,
  send: (answer: Answer) => Promise<void>,
): Promise<void> {
  // A request that cannot be read ends the stream: whoever sends it does not speak this protocol.
  const request = decodeRequest(frame);
  try {
    await answer(request, peerId, carrier, send);
  } catch (error) {
    // The stream may be gone, or the peer too slow: then there is nobody to tell.
    if (channel.error) throw channel.error;
    const { code, message } = asMeshError(error);
    await send({ type: 'refused', code, message });
    return;
  }
  await send({ type: 'done' });
}

async function answer(
  q: Request,
  peerId: string,
  carrier: Carrier,
  send: (answer: Answer) => Promise<void>,
): Promise<void> {
  switch (q.type) {
    case 'heads': {
      const heads: CarriedHead[] = [];
      for (const log of q.logs) {
        heads.push(...(await carrier.carriedHeads(peerId, log)));
      }
      return send({ type: 'heads', heads });
    }
    case 'hashes': {
      const log = await carrier.carriedLog(peerId, q.log, 'proofs');
      return send({ type: 'hashes', hashes: await log.hashes(q.level, q.from, q.to) });
    }
    case 'entries': {
      const log = await carrier.carriedLog(peerId, q.log);
      const end = Math.min(log.size, carrier.servedTo?.(q.log) ?? log.size);
      if (q.from >= log.size)
        throw new MeshError('NO_SUCH_ENTRY', `${log.size} entries are held here`);
      if (q.from >= end)
        throw new MeshError('CONFLICT', `two histories of the log part behind entry ${end}`);
      for await (const bytes of log.segments(q.from, Math.min(q.to, end))) {
        await send({ type: 'segment', bytes });
        // A long answer to a slow reader must not outlive the grant.
        await carrier.carriedLog(peerId, q.log);
      }
      return;
    }
    case 'blocks': {
      // Its records lie beside their entries.
      if (DIRECTORY_LOG.equals(q.log))
        throw new MeshError('NO_GRANT', 'the directory has no blocks');
      for (const cid of q.cids) {
        const bytes = await carrier.carriedBlock(peerId, q.log, cid);
        await send({ type: 'block', bytes: bytes ?? null });
      }
      return;
    }
    case 'roots': {
      for (const bytes of carrier.roots(peerId, q.version)) await send({ type: 'root', bytes });
      return;
    }
    case 'presence': {
      const bytes = carrier.told(peerId, q.bytes);
      if (bytes) await send({ type: 'presence', bytes });
      return;
    }
    case 'forks': {
      for (const bytes of carrier.forks(peerId)) await send({ type: 'fork', bytes });
      return;
    }
    case 'petition':
      return send({ type: 'carried', result: await carrier.petition(peerId, q.bytes) });
    case 'consistency': {
      const log = await carrier.carriedLog(peerId, q.log, 'proofs');
      const proof = await consistencyProof(q.first, Math.min(q.second, log.size), (h, i) =>
        log.node(h, i),
      );
      return send({ type: 'hashes', hashes: Buffer.concat(proof) });
    }
  }
}
