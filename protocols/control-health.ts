// What the control API answers about health and trust: the state of each space as this node sees it, and what the mesh's
// trust rests on and until when. `null` stands for what is not known; ages and lengths of time are milliseconds.

import { z } from 'zod';
import { count, HEALTH_STATES, instant } from './control-answers.ts';

export const TRUST_STATES = ['valid', 'expiring', 'expired', 'revoked'] as const;
export const TRUST_KINDS = ['root', 'issuing', 'space', 'root-key'] as const;

export const HealthRow = z.object({
  space: z.string(),
  id: z.string(),
  state: z.enum(HEALTH_STATES),
  /** Since its newest statement was said. */
  heardAgoMs: count.nullable(),
  heardAt: instant.nullable(),
  /** Who passed that statement on; null when it came from the space itself. */
  heardVia: z.string().nullable(),
  /** The newest signed statement of it that came in a file, and under what it is found; absent when none did. */
  byFile: z.object({ at: instant, agoMs: count, what: z.string() }).optional(),
  /** Observers that no longer hear it, this node included. */
  suspectedBy: count,
  nodeVersion: z.string().nullable(),
  /** Version of its Octopus Server. */
  serverVersion: z.string().nullable(),
  feeds: count,
  /** Entries missing here of what this node takes from it. */
  behind: count,
  /** Age of the oldest of them, 0 when level, null when nothing is taken or known. */
  lagMs: count.nullable(),
  certificate: z
    .object({
      serial: z.string(),
      issuedAt: instant,
      expiresAt: instant,
      /** Below zero once it has expired. */
      leftMs: z.int(),
      state: z.enum(TRUST_STATES),
    })
    .nullable(),
  projects: count.nullable(),
  targets: count.nullable(),
  tags: z.array(z.string()),
  /** Index of the directory entry that says that it is a member. */
  entry: count,
});

export const TrustRow = z.object({
  subject: z.string(),
  kind: z.enum(TRUST_KINDS),
  serial: z.string().nullable(),
  /** SHA-256 in hex: of a certificate's DER, of a root key's bytes. */
  fingerprint: z.string().nullable(),
  issuedAt: instant.nullable(),
  expiresAt: instant.nullable(),
  leftMs: z.int().nullable(),
  state: z.enum(TRUST_STATES),
  /** Who vouches for it; null when it vouches for itself, or its issuer is not known here. */
  issuer: z.string().nullable(),
});
