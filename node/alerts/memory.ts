// What is remembered of alerts across a restart: so that nothing is told twice and nothing is forgotten. One file,
// replaced as a whole; one that is damaged is put aside, and alerts begin anew.

import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { AlertLevel } from '../../protocols/control-alerts.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { readSmallFile, writeFileDurable } from '../home/files.ts';
import type { Log } from '../log.ts';
import type { Alert } from './engine.ts';
import type { Told } from './message.ts';
import { defaultSettings, type RuleName } from './settings.ts';
import type { Silence } from './silences.ts';

/** Messages in the making: everything in it is told together once its time is over. */
export interface Group {
  readonly id: string;
  readonly sinceMs: number;
  readonly told: readonly Told[];
}

export interface Memory {
  readonly alerts: readonly Alert[];
  readonly silences: readonly Silence[];
  readonly group: Group | null;
}

const text = z.string().max(4000);
const ms = z.number().min(0);
const ruleName = z.custom<RuleName>(
  (value) => typeof value === 'string' && Object.hasOwn(defaultSettings.rules, value),
);

const StoredAlert = z.object({
  ...{ id: text, rule: ruleName, subject: text, level: AlertLevel, what: text, evidence: text },
  opens: z.object({ screen: text, subject: text }),
  ...{ sinceMs: ms, openedMs: ms, changedMs: ms },
  ...{ clearSinceMs: ms.nullable(), closedMs: ms.nullable() },
  ack: z.object({ by: text, why: text, atMs: ms }).nullable(),
  told: AlertLevel.nullable(),
  flaps: z.int().min(0).max(10),
});

const StoredTold = z.object({
  ...{ alert: text, kind: z.enum(['raised', 'worse', 'recovered']), rule: ruleName },
  ...{ level: AlertLevel, subject: text, what: text, sinceMs: ms, atMs: ms },
});

const Stored = z.object({
  version: z.literal(1),
  alerts: z.array(StoredAlert).max(2 * LIMITS.alerts),
  silences: z.array(
    z.object({
      ...{ id: text, rule: text, subject: text, untilMs: ms, by: text, why: text, sinceMs: ms },
    }),
  ),
  group: z
    .object({ id: z.string().regex(/^[0-9a-f]{12,64}$/), sinceMs: ms, told: z.array(StoredTold) })
    .nullable(),
});

const NOTHING: Memory = { alerts: [], silences: [], group: null };

export async function readMemory(path: string, log: Log): Promise<Memory> {
  try {
    const bytes = await readSmallFile(path, LIMITS.alertStateBytes);
    return bytes === undefined ? NOTHING : Stored.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    const reason = error instanceof Error ? error.name : 'unknown';
    log.error({ reason, path }, 'what was remembered of alerts is damaged and put aside');
    await rename(path, `${path}.damaged`).catch(() => undefined);
    return NOTHING;
  }
}

export async function writeMemory(path: string, memory: Memory): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileDurable(path, JSON.stringify({ version: 1, ...memory }));
}
