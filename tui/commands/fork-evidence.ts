// The proof of a fork as a file: the bytes that nodes pass on, and the same as text, so that it can be checked by hand with
// nothing but sha256 and Ed25519. Checking looks at the bytes alone.

import { z } from 'zod';
import { logKey, type Note, verifyNote } from '../../protocols/checkpoint.ts';
import { ForkEvidence } from '../../protocols/control-forks.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import { decodeForkProof, verifyForkProof } from '../../protocols/fork-proof.ts';
import { LIMITS } from '../../protocols/limits.ts';

export type Evidence = z.output<typeof ForkEvidence>;

const Document = z.object({
  odcmForkProof: z.literal(1),
  explanation: z.array(z.string()),
  ...ForkEvidence.shape,
});
/** The proof three times over, with keys and words. */
const MAX_BYTES = LIMITS.forkProofBytes * 10;

const EXPLANATION = [
  'Each of the two notes is signed by a key in publicKeys: the signature is the last 64 of the 68 bytes behind the name,',
  'over the three lines above the empty one, with their line ends. Their second and third lines are the number of entries',
  'and the root of the tree (RFC 9162). If the numbers are the same and the roots are not, that is the proof. Otherwise',
  'path is the consistency proof (RFC 9162, 2.1.4.2) that the larger tree begins with altRoot, which the smaller note denies.',
];

export function evidenceText(evidence: Evidence): string {
  const document = { odcmForkProof: 1, explanation: EXPLANATION, ...evidence };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export function parseEvidence(bytes: Buffer): Evidence {
  if (bytes.length > MAX_BYTES)
    throw new MeshError('TOO_LARGE', 'the file is larger than any proof');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new MeshError('MALFORMED', 'the file is not the proof of a fork', { cause });
  }
  const result = Document.safeParse(value);
  if (result.success) return result.data;
  throw new MeshError('MALFORMED', 'the file is not the proof of a fork');
}

/** @param key the signer's key as the reader knows it, in place of those in the file */
export function checkEvidence(evidence: Evidence, key?: string) {
  const proof = decodeForkProof(Buffer.from(evidence.proof, 'base64'));
  const keys = (key === undefined ? evidence.publicKeys : [key]).map(parseKey);
  const threshold = key === undefined ? evidence.threshold : 1;
  const verifyHead = (note: Note) => {
    const { origin } = note.checkpoint;
    let signed = 0;
    let refusal: MeshError | undefined;
    for (const raw of keys) {
      try {
        verifyNote(note, origin, logKey(origin, ed25519FromRaw(raw), raw));
        signed++;
      } catch (error) {
        refusal = asMeshError(error);
      }
    }
    if (signed > 0 && signed >= threshold) return note.checkpoint;
    throw (
      refusal ??
      new MeshError('UNKNOWN_KEY', 'fewer keys than are needed signed a head of the proof')
    );
  };
  const [a, b] = verifyForkProof(proof, verifyHead);
  const shown = keys.map((raw) => raw.toString('base64')).join(', ');
  return { origin: a.origin, size: a.size, otherSize: b.size, keys: shown };
}

function parseKey(text: string): Buffer {
  const raw = Buffer.from(text, 'base64');
  if (raw.length === 32 && raw.toString('base64') === text) return raw;
  throw new MeshError('USAGE', 'a key is 32 bytes in base64');
}
