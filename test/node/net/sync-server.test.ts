import { describe, expect, it } from 'vitest';
import type { FrameChannel } from '../../../node/net/frames.ts';
import { type Carrier, serveSync } from '../../../node/net/sync-server.ts';
import type { Cid } from '../../../protocols/codec.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { rawCid } from '../../../protocols/record.ts';
import {
  type Answer,
  DIRECTORY_LOG,
  decodeAnswer,
  encodeRequest,
  type Request,
} from '../../../protocols/sync.ts';

const SECRET = Buffer.from('content of a feed that the asker has no grant for');
const OWN = rawCid(SECRET);
const OTHER = rawCid(Buffer.from('block of another feed'));
const FEED = Buffer.alloc(16, 1);

/** Asks one question. `mayHave` is asked as often as the server looks at the grant. */
async function ask(request: Request, mayHave: () => boolean): Promise<Answer[]> {
  const questions = [encodeRequest(request)];
  const answers: Answer[] = [];
  const channel = {
    read: async () => questions.shift(),
    send: async (parts: Uint8Array[]) => void answers.push(decodeAnswer(Buffer.concat(parts))),
  } as unknown as FrameChannel;
  const log = {
    size: 3,
    async *segments() {
      for (const byte of [1, 2, 3]) yield Buffer.alloc(8, byte);
    },
  };
  const carrier = {
    carriedLog: async () => {
      if (mayHave()) return log;
      throw new MeshError('NO_GRANT', 'no grant');
    },
    carriedBlock: async (_: string, __: Uint8Array, cid: Cid) => {
      if (!mayHave()) throw new MeshError('NO_GRANT', 'no grant');
      return Buffer.compare(OWN.hash, cid.hash) === 0 ? SECRET : undefined;
    },
  } as unknown as Carrier;
  await serveSync(channel, 'peer', carrier);
  return answers;
}

describe('serving', () => {
  it('gives blocks for a feed that the peer may have', async () => {
    const request: Request = { type: 'blocks', log: FEED, cids: [OWN] };
    const answers = await ask(request, () => true);
    expect(answers).toEqual([{ type: 'block', bytes: SECRET }, { type: 'done' }]);
  });

  it('gives none of the blocks that the feed does not name', async () => {
    const answers = await ask({ type: 'blocks', log: FEED, cids: [OTHER, OWN] }, () => true);
    expect(answers).toEqual([
      { type: 'block', bytes: null },
      { type: 'block', bytes: SECRET },
      { type: 'done' },
    ]);
  });

  it('ends the blocks when the grant ends in the middle of them', async () => {
    let looks = 0;
    const answers = await ask({ type: 'blocks', log: FEED, cids: [OWN, OWN] }, () => ++looks < 2);
    expect(answers).toMatchObject([{ type: 'block' }, { type: 'refused', code: 'NO_GRANT' }]);
  });

  it('gives no blocks in the name of the directory, which every member may read', async () => {
    const request: Request = { type: 'blocks', log: DIRECTORY_LOG, cids: [OWN] };
    const answers = await ask(request, () => true);
    expect(answers).toMatchObject([{ type: 'refused', code: 'NO_GRANT' }]);
  });

  it('ends an answer when the grant ends in the middle of it', async () => {
    let looks = 0;
    const answers = await ask({ type: 'entries', log: FEED, from: 0, to: 3 }, () => ++looks < 3);
    const types = answers.map(({ type }) => type);
    expect(types).toEqual(['segment', 'segment', 'refused']);
  });
});
