// Contracts of the contexts `inventory` and `deployments`: what a space says of its Octopus Server, and of each deployment
// that ended. Both the doors that publish and the reports that count read payloads through here.

import { z } from 'zod';
import { decodeUtf8 } from './codec.ts';
import { checkNesting } from './envelope.ts';
import { isMeshError, MeshError } from './errors.ts';
import { parseItemName } from './ids.ts';
import { LIMITS } from './limits.ts';

export const REPORT_CONTEXTS = ['inventory', 'deployments'] as const;
export type ReportContext = (typeof REPORT_CONTEXTS)[number];

export const OUTCOMES = ['ok', 'failed', 'cancelled'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A space has one inventory: each new one is the next version of this item. */
export const INVENTORY_ITEM = 'server';

/** Nothing that is reported is older: a clock that was never set says 1970. */
const EARLIEST_MS = Date.parse('2000-01-01T00:00:00Z');

/** Names as they may be shown in one line; the same rule as for items. */
const oneLine = (maxChars: number) =>
  z
    .string()
    .min(1)
    .max(maxChars)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is refused
    .regex(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Cs}\p{Bidi_Control}]*$/u, 'not one line');
const name = oneLine(LIMITS.itemNameChars);
const instant = z.iso
  .datetime()
  .refine((text) => Date.parse(text) >= EARLIEST_MS, 'before the year 2000');
const many = z.int().min(0).max(LIMITS.reportThings);

/** Every target is counted once: under `disabled` when it is, else under its health. */
const targets = z.strictObject({
  healthy: many,
  unhealthy: many,
  disabled: many,
  warnings: many.default(0),
  unavailable: many.default(0),
  unknown: many.default(0),
});

export const InventoryPayload = z.strictObject({
  serverVersion: oneLine(64),
  serverUrl: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .exactOptional(),
  projects: many,
  targets,
  /** What the space is, for rules and filters: production, critical. */
  tags: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'not lower-case letters, digits, dashes'))
    .max(20)
    .refine((tags) => new Set(tags).size === tags.length, 'a tag stands there twice')
    .exactOptional(),
  takenAt: instant,
});

export const DeploymentPayload = z
  .strictObject({
    /** What names the deployment for ever, such as the id of its server task; the item's name. */
    id: name,
    project: name,
    /** Octopus allows 349 characters. */
    release: oneLine(349),
    environment: name,
    tenant: name.exactOptional(),
    outcome: z.enum(OUTCOMES),
    startedAt: instant,
    endedAt: instant,
    by: name,
    reason: z.string().max(2000).exactOptional(),
  })
  .refine(
    ({ startedAt, endedAt }) => Date.parse(startedAt) <= Date.parse(endedAt),
    'it ended before it started',
  )
  .refine(
    ({ startedAt, endedAt }) =>
      Date.parse(endedAt) - Date.parse(startedAt) <= LIMITS.deploymentDurationMs,
    'it took longer than any deployment',
  );

export type Inventory = z.output<typeof InventoryPayload>;
export type Deployment = z.output<typeof DeploymentPayload>;

/** One checked thing on its way into a feed, under the name and time that its payload gives it. */
export interface Reported {
  readonly item: string;
  readonly timeMs: number;
  readonly payload: Inventory | Deployment;
}

/**
 * @param nowMs when it was said: what is told of a time to come is refused, but for clocks that differ
 * @throws EVENT_INVALID
 */
export function parseInventory(payload: unknown, nowMs: number): Inventory {
  const parsed = checked(InventoryPayload, payload, 'an inventory');
  checkTime(parsed.takenAt, nowMs, 'takenAt');
  return parsed;
}

/** The same for a deployment. @throws EVENT_INVALID, NAME_INVALID */
export function parseDeployment(payload: unknown, nowMs: number): Deployment {
  const parsed = checked(DeploymentPayload, payload, 'a deployment');
  parseItemName(parsed.id);
  checkTime(parsed.endedAt, nowMs, 'endedAt');
  return parsed;
}

/** The same as the content of an item, whose name it must have. @throws EVENT_INVALID, NAME_INVALID */
export function parseDeploymentOf(item: string, payload: unknown, nowMs: number): Deployment {
  const parsed = parseDeployment(payload, nowMs);
  if (parsed.id === item) return parsed;
  throw new MeshError('EVENT_INVALID', 'the item of a deployment has another name than its id');
}

/** One JSON object as it comes from outside, sizes first. @throws TOO_LARGE, NOT_JSON, EVENT_INVALID, NAME_INVALID */
export function parseReported(context: ReportContext, bytes: Uint8Array, nowMs: number): Reported {
  if (bytes.length > LIMITS.reportBytes)
    throw new MeshError('TOO_LARGE', `one report is above ${LIMITS.reportBytes} bytes`);
  const value = parseJson(bytes);
  if (context === 'inventory') {
    const payload = parseInventory(value, nowMs);
    return { item: INVENTORY_ITEM, timeMs: Date.parse(payload.takenAt), payload };
  }
  const payload = parseDeployment(value, nowMs);
  return { item: payload.id, timeMs: Date.parse(payload.endedAt), payload };
}

export function targetCount({ targets: t }: Inventory): number {
  return t.healthy + t.unhealthy + t.disabled + t.warnings + t.unavailable + t.unknown;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    const text = decodeUtf8(bytes);
    checkNesting(text);
    return JSON.parse(text);
  } catch (cause) {
    if (isMeshError(cause, 'EVENT_INVALID')) throw cause;
    throw new MeshError('NOT_JSON', 'it is not one JSON value in UTF-8', { cause });
  }
}

function checked<S extends z.ZodType>(schema: S, payload: unknown, what: string): z.output<S> {
  const result = schema.safeParse(payload);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue && issue.path.length > 0 ? `: ${issue.path.join('.').slice(0, 60)}` : '';
  throw new MeshError(
    'EVENT_INVALID',
    `${what} breaks its contract${where}: ${(issue?.message ?? 'invalid').slice(0, 200)}`,
  );
}

function checkTime(text: string, nowMs: number, field: string): void {
  if (Date.parse(text) <= nowMs + LIMITS.clockSkewMs) return;
  throw new MeshError('EVENT_INVALID', `${field} is in the future`, {
    next: 'Set the clock of the machine that reports.',
  });
}
