// Routes of the control API about the air gap: bundles out and in, what people decide of them, the ledger, and receipts.
// Long work answers in lines: how far it is, and in the last line what came of it.

import { z } from 'zod';
import { count, instant } from './control-answers.ts';
import type { Route } from './control-route.ts';
import { LIMITS } from './limits.ts';

const name = z.string().min(1).max(LIMITS.itemNameChars);
const path = z.string().min(1).max(4096).startsWith('/').describe('absolute, as the node sees it');
const by = name.describe('who asks for it');
const sequence = z.coerce.number().int().min(1);
const hex32 = z.string().regex(/^([0-9a-f]{64})?$/);

/** A bundle that was made or brought. */
export const CrossingRow = z.object({
  way: z.enum(['out', 'in']),
  space: z.string(),
  sequence: z.number(),
  base: count,
  state: z.string(),
  at: instant,
  created: instant,
  by: z.string(),
  approvals: z.array(z.object({ by: z.string(), at: instant })),
  entries: count,
  blocks: count,
  sizeBytes: count,
  missing: count,
  manifest: hex32,
  reason: z.string().nullable(),
});

export const AuditRow = z.object({
  at: instant,
  what: z.string(),
  subject: z.string(),
  code: z.string().nullable(),
  text: z.string(),
  by: z.string().nullable(),
});

/** What a bundle would change, or has changed. */
export const ImportDiff = z.object({
  directory: z.object({
    entries: count,
    joined: z.array(z.string()),
    revoked: z.array(z.string()),
    feeds: z.array(z.string()),
    grants: count,
    grantsEnded: count,
    rootVersions: count,
    /** When ODCM vouched for it. */
    vouchedAt: instant.nullable(),
  }),
  feeds: z.array(
    z.object({
      feed: z.string(),
      sealed: z.boolean(),
      entries: count,
      added: count,
      changed: count,
      withdrawn: count,
      items: z.array(z.string()),
    }),
  ),
  missing: z.array(z.string()),
});

const ProgressLine = z.object({
  progress: z.object({
    phase: z.enum(['write', 'copy', 'scan', 'check', 'apply']),
    done: count,
    of: count.nullable(),
  }),
});

const ExportLine = z.union([
  ProgressLine,
  z.object({
    crossing: CrossingRow,
    files: z.array(z.string()),
    /** Feeds that the destination may have and of which nothing is here. */
    absent: z.array(z.string()),
    /** Records that were not here, by hash. */
    missing: z.array(z.string()),
  }),
  /** Nothing is new since the base, and nothing was written. */
  z.object({ unchanged: z.literal(true) }),
]);

const ImportLine = z.union([
  ProgressLine,
  z.object({ crossing: CrossingRow, diff: ImportDiff, needed: count }),
]);

export const ReceiptRow = z.object({
  space: z.string(),
  index: count,
  kind: z.enum(['deployment', 'import']),
  /** When the deployment ended, or the bundle was applied. */
  at: instant,
  what: z.string(),
  outcome: z.string().nullable(),
  by: z.string().nullable(),
  /** The bundle that it followed: exporter and number. */
  bundle: z.object({ exporter: z.string(), sequence: count }).nullable(),
  /** A number that no receipt came for: all else is unknown. */
  isMissing: z.boolean(),
});

export const GAP_ROUTES = {
  exportBundle: {
    method: 'POST',
    path: '/v1/gap/exports',
    summary: 'Writes a bundle for a space: manifest, signature and CAR',
    body: z.object({
      path: path.describe('of the files, without their ending'),
      to: name,
      feeds: z.array(name).max(LIMITS.pageRows).optional(),
      base: z
        .union([z.enum(['acknowledged', 'nothing']), z.object({ sequence })])
        .default('acknowledged'),
      ifNews: z.boolean().default(false),
      by,
    }),
    result: ExportLine,
    answer: 'lines',
  },
  importBundle: {
    method: 'POST',
    path: '/v1/gap/imports',
    summary: 'Checks a bundle as a whole and keeps it until it is approved',
    body: z.object({ path, by, dryRun: z.boolean().default(false) }),
    result: ImportLine,
    answer: 'lines',
  },
  approveImport: {
    method: 'POST',
    path: '/v1/gap/approvals',
    summary: 'Approves a bundle; with the last approval that is needed it is let in',
    body: z.object({ exporter: name, sequence, by }),
    result: ImportLine,
    answer: 'lines',
  },
  refuseImport: {
    method: 'POST',
    path: '/v1/gap/refusals',
    summary: 'Sends a bundle away that waits for approval',
    body: z.object({ exporter: name, sequence, by, reason: z.string().max(2000) }),
    result: CrossingRow,
    answer: 'object',
  },
  importDetail: {
    method: 'GET',
    path: '/v1/gap/import',
    summary: 'A bundle that was brought, with what it changes',
    query: z.object({ exporter: name, sequence }),
    result: z.object({ crossing: CrossingRow, diff: ImportDiff, needed: count }),
    answer: 'object',
  },
  crossings: {
    method: 'GET',
    path: '/v1/gap/ledger',
    summary: 'Every bundle that crossed the gap, newest first',
    query: z.object({ space: name.optional() }),
    result: CrossingRow,
    answer: 'rows',
  },
  gapAudit: {
    method: 'GET',
    path: '/v1/gap/audit',
    summary: 'What was exported, imported, approved and refused, newest first',
    query: z.object({ limit: z.coerce.number().int().min(1).max(LIMITS.pageRows).default(100) }),
    result: AuditRow,
    answer: 'rows',
  },
  receipts: {
    method: 'GET',
    path: '/v1/receipts',
    summary:
      'Receipts of this space and of those whose came here, with the numbers that are missing',
    query: z.object({ space: name.optional() }),
    result: ReceiptRow,
    answer: 'rows',
  },
  receipt: {
    method: 'GET',
    path: '/v1/receipts/one',
    summary: 'A receipt with its proof, as they were signed',
    query: z.object({ space: name, index: z.coerce.number().int().min(0) }),
    result: z.object({
      index: count,
      receipt: z.string().describe('the envelope, JSON'),
      proof: z.string(),
      origin: z.string(),
      /** All node keys that the space has had, the newest first: SubjectPublicKeyInfo, PEM. */
      key: z.string(),
    }),
    answer: 'object',
  },
  addReceipt: {
    method: 'POST',
    path: '/v1/receipts',
    summary: 'Checks a receipt of another space and keeps it',
    body: z.object({
      receipt: z.string().max(LIMITS.receiptBytes),
      proof: z.string().max(LIMITS.tlogProofBytes),
      /** Only look at it. */
      isCheck: z.boolean().default(false),
    }),
    result: ReceiptRow.extend({ isNew: z.boolean() }),
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
