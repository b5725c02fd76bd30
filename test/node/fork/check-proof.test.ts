import { describe, expect, it } from 'vitest';
import { checkForkProof } from '../../../node/fork/check-proof.ts';
import { decodeNote, logKey, type Note, signCheckpoint } from '../../../protocols/checkpoint.ts';
import type { DirectoryState } from '../../../protocols/directory.ts';
import { inProofOrder } from '../../../protocols/fork-proof.ts';
import { directoryOrigin, feedOrigin, parseSpaceId } from '../../../protocols/ids.ts';
import { codeOf } from '../../certs/fixtures.ts';
import { FEED, KEY, keyOf, MESH, SPACE } from '../../protocols/sample-log.ts';

const FORMER = keyOf(0x17);

/** A space that changed its key at entry 10 of its feed, which may go on in an epoch from some entry. */
function stateOf(epoch: number, size: number): DirectoryState {
  const row = { id: FEED, space: SPACE, name: 'variables', epoch };
  const continues = epoch === 1 ? null : { size, root: Buffer.alloc(32) };
  const keys = [
    { nodeKey: FORMER.raw, from: {} },
    { nodeKey: KEY.raw, from: { [FEED]: 10 } },
  ];
  return {
    feeds: new Map([[FEED, { ...row, continues }]]),
    spaces: new Map([[SPACE, { id: SPACE, name: 'library', keys }]]),
  } as unknown as DirectoryState;
}

function check(key: typeof KEY, size: number, { epoch = 1, from = 0 } = {}): void {
  const origin = feedOrigin(MESH, SPACE, FEED, epoch);
  const head = (byte: number): Note => {
    const root = Buffer.alloc(32, byte);
    const log = logKey(origin, key.publicKey, key.raw);
    return decodeNote(signCheckpoint({ origin, size, root }, log, key.privateKey));
  };
  const of = { mesh: MESH, state: stateOf(epoch, from), origin: directoryOrigin(MESH, SPACE) };
  const authority = { ...of, verify: (note: Note) => note.checkpoint };
  checkForkProof(authority, { notes: inProofOrder(head(1), head(2)), altRoot: null, path: [] });
}

/** Two heads of one size of the directory of some epoch, at a node whose root names another. */
function checkDirectory(epoch: number, own: number, space = SPACE): void {
  const origin = directoryOrigin(MESH, space, epoch);
  const head = (byte: number): Note => {
    const log = logKey(origin, KEY.publicKey, KEY.raw);
    const root = Buffer.alloc(32, byte);
    return decodeNote(signCheckpoint({ origin, size: 9, root }, log, KEY.privateKey));
  };
  const of = { mesh: MESH, state: stateOf(1, 0), origin: directoryOrigin(MESH, SPACE, own) };
  const authority = { ...of, verify: (note: Note) => note.checkpoint };
  checkForkProof(authority, { notes: inProofOrder(head(1), head(2)), altRoot: null, path: [] });
}

describe('a fork proof about the directory', () => {
  it('counts in the epoch that the root names, and in no other', () => {
    expect(() => checkDirectory(1, 1)).not.toThrow();
    expect(() => checkDirectory(2, 2)).not.toThrow();
    expect(codeOf(() => checkDirectory(1, 2))).toBe('OLD_EPOCH');
    expect(codeOf(() => checkDirectory(3, 2))).toBe('FEED_UNKNOWN');
    const other = parseSpaceId('0199b7c2-1f00-4000-8000-0000000000ff');
    expect(codeOf(() => checkDirectory(1, 2, other))).toBe('WRONG_ORIGIN');
  });
});

describe('a fork proof about a space that changed its key', () => {
  it('holds by the key that counts at its size', () => {
    expect(() => check(FORMER, 9)).not.toThrow();
    expect(() => check(FORMER, 10)).not.toThrow();
    expect(() => check(KEY, 10)).not.toThrow();
    expect(() => check(KEY, 500)).not.toThrow();
  });

  it('is refused when a former key signed what came after it', () => {
    expect(codeOf(() => check(FORMER, 11))).toBe('UNKNOWN_KEY');
    expect(codeOf(() => check(KEY, 9))).toBe('UNKNOWN_KEY');
  });

  it('is refused below the point that the newest epoch continues from', () => {
    const later = { epoch: 2, from: 20 };
    expect(codeOf(() => check(FORMER, 9, later))).toBe('ROOT_MISMATCH');
    expect(codeOf(() => check(KEY, 19, later))).toBe('ROOT_MISMATCH');
    expect(() => check(KEY, 20, later)).not.toThrow();
  });
});
