// The asking side of the sync protocol: one stream to one peer, one question at a time, every wait with a deadline.
// What comes back is only taken apart here; whoever asked verifies it.

import type { Cid } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { HASH_BYTES } from '../../protocols/merkle.ts';
import {
  type Answer,
  type CarriedHead,
  decodeAnswer,
  encodeRequest,
  type Request,
} from '../../protocols/sync.ts';
import { systemTimers, type Timers, withDeadline } from '../clock.ts';
import type { EntrySource } from '../feed/intake.ts';
import { AnswerPace } from './answer-pace.ts';
import type { FrameChannel } from './frames.ts';

export class SyncClient {
  readonly #channel: FrameChannel;
  readonly #signal: AbortSignal | undefined;
  readonly #timers: Timers;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(channel: FrameChannel, signal?: AbortSignal, timers: Timers = systemTimers) {
    this.#channel = channel;
    this.#signal = signal;
    this.#timers = timers;
  }

  #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(this.#timers, LIMITS.requestTimeoutMs, this.#signal, work);
  }

  async #next(pace: AnswerPace): Promise<Answer> {
    pace.wait();
    const frame = await this.#inTime((signal) => this.#channel.read({ signal }));
    if (!frame)
      throw new MeshError(
        'PEER_UNREACHABLE',
        'the peer ended the stream in the middle of an answer',
      );
    pace.moved(frame.byteLength);
    const answer = decodeAnswer(frame);
    if (answer.type === 'refused')
      throw new MeshError(answer.code, `the peer refuses: ${answer.message}`);
    return answer;
  }

  /** Answers to one request until the peer says done. Requests wait for each other. */
  async *#ask<T extends Answer['type']>(
    request: Request,
    type: T,
  ): AsyncGenerator<Extract<Answer, { type: T }>> {
    const before = this.#turn;
    let finish: () => void = () => {};
    this.#turn = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let isWhole = false;
    const pace = new AnswerPace({
      timers: this.#timers,
      heldBytes: () => this.#channel.heldBytes,
      onTooSlow: () =>
        this.#channel.abort(new MeshError('TIMEOUT', 'the peer gives its answer too slowly')),
    });
    try {
      await before;
      await this.#inTime((signal) => this.#channel.send(encodeRequest(request), { signal }));
      for (;;) {
        const answer = await this.#next(pace);
        if (answer.type === 'done') {
          isWhole = true;
          return;
        }
        if (answer.type !== type)
          throw new MeshError('MALFORMED', `asked for ${type} and got ${answer.type}`);
        yield answer as Extract<Answer, { type: T }>;
      }
    } catch (error) {
      // A refusal ends its answer, the stream goes on; anything else leaves the stream in an unknown state.
      isWhole = error instanceof MeshError && error.message.startsWith('the peer refuses');
      throw error;
    } finally {
      pace.stop();
      if (!isWhole)
        this.#channel.abort(new MeshError('PEER_UNREACHABLE', 'an answer was given up'));
      finish();
    }
  }

  async #one<T extends Answer['type']>(
    request: Request,
    type: T,
  ): Promise<Extract<Answer, { type: T }>> {
    let found: Extract<Answer, { type: T }> | undefined;
    for await (const answer of this.#ask(request, type)) {
      if (found) throw new MeshError('MALFORMED', `the peer answered ${type} twice`);
      found = answer;
    }
    if (!found) throw new MeshError('MALFORMED', `the peer gave no ${type}`);
    return found;
  }

  async heads(logs: readonly Uint8Array[]): Promise<CarriedHead[]> {
    const out: CarriedHead[] = [];
    // Of a log the peer may give two heads: the newest, and the newest that it has all entries of.
    const pageLogs = LIMITS.headsPerFrame / 2;
    for (let at = 0; at < logs.length; at += pageLogs) {
      const page = logs.slice(at, at + pageLogs);
      const { heads } = await this.#one({ type: 'heads', logs: page }, 'heads');
      if (heads.some((head) => !page.some((log) => head.log.equals(log)))) {
        throw new MeshError('MALFORMED', 'the peer gave a head that nobody asked for');
      }
      out.push(...heads);
    }
    return out;
  }

  async hashes(log: Uint8Array, level: number, from: number, to: number): Promise<Buffer> {
    return (await this.#one({ type: 'hashes', log, level, from, to }, 'hashes')).hashes;
  }

  /** Path from the root of the first `first` entries to that of the first `second`; whoever asks folds it. */
  async consistency(log: Uint8Array, first: number, second: number): Promise<Buffer[]> {
    const { hashes } = await this.#one({ type: 'consistency', log, first, second }, 'hashes');
    const path: Buffer[] = [];
    for (let at = 0; at < hashes.length; at += HASH_BYTES)
      path.push(Buffer.from(hashes.subarray(at, at + HASH_BYTES)));
    return path;
  }

  async *entries(log: Uint8Array, from: number, to: number): AsyncGenerator<Buffer> {
    for await (const { bytes } of this.#ask({ type: 'entries', log, from, to }, 'segment'))
      yield bytes;
  }

  /** One answer a CID, in order; null where the peer does not hold the block. */
  async blocks(log: Uint8Array, cids: readonly Cid[]): Promise<(Buffer | null)[]> {
    const out: (Buffer | null)[] = [];
    for await (const { bytes } of this.#ask({ type: 'blocks', log, cids }, 'block')) {
      // The frame is shared with its neighbours: what is kept until it is stored is copied.
      out.push(bytes && Buffer.from(bytes));
      if (out.length > cids.length)
        throw new MeshError('MALFORMED', 'the peer gave more blocks than were asked for');
    }
    if (out.length !== cids.length)
      throw new MeshError('MALFORMED', 'the peer gave fewer blocks than were asked for');
    return out;
  }

  async petition(bytes: Uint8Array): Promise<string> {
    return (await this.#one({ type: 'petition', bytes }, 'carried')).result;
  }

  /** Envelopes of root metadata from this version on, as many as the peer gives at once. */
  async roots(version: number): Promise<Buffer[]> {
    const out: Buffer[] = [];
    for await (const { bytes } of this.#ask({ type: 'roots', version }, 'root')) {
      out.push(Buffer.from(bytes));
      if (out.length > LIMITS.rootsPerAnswer)
        throw new MeshError('MALFORMED', 'the peer gave more versions of the root than it may');
    }
    return out;
  }

  /** Says what this space says of itself; resolves to what another start of it said to the peer. */
  async presence(bytes: Uint8Array): Promise<Buffer | undefined> {
    let found: Buffer | undefined;
    for await (const answer of this.#ask({ type: 'presence', bytes }, 'presence')) {
      if (found) throw new MeshError('MALFORMED', 'the peer answered presence twice');
      found = Buffer.from(answer.bytes);
    }
    return found;
  }

  /** Proofs of forks that the peer knows and that are not settled yet. */
  async forks(): Promise<Buffer[]> {
    const out: Buffer[] = [];
    for await (const { bytes } of this.#ask({ type: 'forks' }, 'fork')) {
      out.push(Buffer.from(bytes));
      if (out.length > LIMITS.forksPerAnswer)
        throw new MeshError('MALFORMED', 'the peer gave more fork proofs than it may');
    }
    return out;
  }

  /** The peer as a source for intake of one log. */
  source(log: Uint8Array): EntrySource {
    return {
      hashes: (level, from, to) => this.hashes(log, level, from, to),
      entries: (from, to) => this.entries(log, from, to),
    };
  }

  async close(): Promise<void> {
    await this.#inTime((signal) => this.#channel.close({ signal })).catch(() => {});
  }

  abort(error: Error): void {
    this.#channel.abort(error);
  }
}
