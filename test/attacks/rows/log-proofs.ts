// Proofs of inclusion and consistency: odd sizes, and leaves taken for nodes.

import {
  consistencyProof,
  foldInclusion,
  inclusionProof,
  isConsistent,
  leafHash,
  nodeHash,
  rootOf,
} from '../../../protocols/merkle.ts';
import { below } from '../../protocols/fork-claims.ts';
import { randomLeaves, Tree } from '../../protocols/forked-log.ts';
import type { Row } from '../row.ts';

const MOST = 4_097;

/** Pairs of sizes whose proofs are all looked at, and as many of random sizes. */
async function wrongProofs(
  small: number,
  random: number,
): Promise<{ wrong: number; looked: number }> {
  const leaves = randomLeaves(MOST);
  const tree = new Tree(leaves);
  const node = (height: number, index: number) => tree.node(height, index);
  let wrong = 0;
  let looked = 0;
  const look = async (first: number, second: number) => {
    looked++;
    const [a, b] = [rootOf(leaves.slice(0, first)), rootOf(leaves.slice(0, second))];
    const path = await consistencyProof(first, second, node);
    if (!isConsistent(first, a, second, b, path)) wrong++;
    // The same path to the root of the tree that is one larger: sizes are bound to roots by their signature alone.
    const larger = rootOf(leaves.slice(0, second + 1));
    if (second < MOST && isConsistent(first, a, second, larger, path)) wrong++;
    const index = below(second);
    const audit = await inclusionProof(index, second, node);
    if (!foldInclusion(leaves[index]!, index, second, audit)?.equals(b)) wrong++;
    if (audit.length > 0 && foldInclusion(audit[0]!, index, second, audit)?.equals(b)) wrong++;
  };
  for (let second = 1; second <= small; second++)
    for (let first = 1; first <= second; first++) await look(first, second);
  for (let i = 0; i < random; i++) {
    const second = 1 + below(MOST);
    await look(1 + below(second), second);
  }
  return { wrong, looked };
}

export const rows: readonly Row[] = [
  {
    id: 'L07',
    what: 'proofs of inclusion and consistency for sizes from 1 to 4,097',
    how: 'vectors',
    expected: '0 wrong answers',
    run: async ({ isLong }) => {
      const { wrong, looked } = await wrongProofs(isLong ? 300 : 40, isLong ? 20_000 : 100);
      return { measured: `${wrong} wrong of ${looked} pairs of sizes`, pass: wrong === 0 };
    },
  },
  {
    id: 'L07',
    what: 'an entry whose bytes are those of two hashes, to be taken for a node',
    how: 'vectors',
    expected: 'never the same hash',
    run: async ({ isLong }) => {
      const count = isLong ? 100_000 : 5_000;
      let same = 0;
      for (let i = 0; i < count; i++) {
        const [left, right] = randomLeaves(2) as [Buffer, Buffer];
        const forms = [
          [left, right],
          [Buffer.of(1), left, right],
          [Buffer.of(0), left, right],
        ];
        for (const form of forms)
          if (leafHash(Buffer.concat(form)).equals(nodeHash(left, right))) same++;
      }
      return { measured: `${same} of ${count} the same`, pass: same === 0 };
    },
  },
];
