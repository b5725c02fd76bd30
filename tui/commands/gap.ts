// `odcm gap`: the ledger of crossings, who approves what, and drop folders that are watched or filled.

import { lstat, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { asMeshError } from '../../protocols/errors.ts';
import { ask, askRows } from '../ask.ts';
import { type CommandContext, type Invocation, invoke, type Register } from '../command-context.ts';
import { formatBytes } from '../format/bytes.ts';
import { parseDuration } from '../format/duration.ts';
import { counted } from '../format/number.ts';
import { reads } from '../program.ts';
import { runReport } from '../run-report.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { auditView, ledgerView } from '../views/gap.ts';
import { reportOf } from '../views/table.ts';
import { examples } from './examples.ts';
import { gapGroup, personOf } from './gap-group.ts';
import { followWork } from './gap-lines.ts';
import { show } from './import.ts';

const MANIFEST = '.manifest';

export const register: Register = (program, context) => {
  const group = gapGroup(program);
  ledger(group, context);
  audit(group, context);
  approve(group, context);
  refuse(group, context);
  watch(group, context);
  push(group, context);
};

function ledger(group: Command, context: CommandContext): void {
  const command = group
    .command('ledger', { isDefault: true })
    .description('every bundle that crossed, newest first, and what became of it')
    .argument('[space]', 'only to and from this space')
    .addHelpText(
      'after',
      examples([["odcm gap ledger --fail-on 'unacknowledged>0'", 'for monitoring']]),
    );
  reads(command).action((space: string | undefined, _: unknown, self) =>
    runReport(self, context, async (invocation) => {
      const [answer, status] = await Promise.all([
        askRows(invocation, 'crossings', { query: space === undefined ? {} : { space } }),
        ask(invocation, 'status'),
      ]);
      const view = ledgerView(answer);
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
}

function audit(group: Command, context: CommandContext): void {
  reads(
    group.command('audit').description('what was exported, imported, approved and refused'),
  ).action((_: unknown, self) =>
    runReport(self, context, async (invocation) => {
      const [answer, status] = await Promise.all([
        askRows(invocation, 'gapAudit', { query: { limit: 1000 } }),
        ask(invocation, 'status'),
      ]);
      const view = auditView(answer);
      return { report: reportOf(view, status.name), figures: view.figures };
    }),
  );
}

function approve(group: Command, context: CommandContext): void {
  group
    .command('approve')
    .description('approve a bundle; with the last approval that is needed it is let in')
    .argument('<space>', 'who exported it')
    .argument('<bundle>', 'its number', Number)
    .option('--by <name>', 'who approves (default: the name of this account)')
    .action(async (exporter: string, sequence: number, { by }: { by?: string }, self) => {
      const invocation = invoke(self, context);
      await show(
        invocation,
        await followWork(invocation, 'approveImport', { exporter, sequence, by: personOf(by) }),
      );
    });
}

function refuse(group: Command, context: CommandContext): void {
  group
    .command('refuse')
    .description('send a bundle away that waits for approval, or end one that is not in whole')
    .argument('<space>', 'who exported it')
    .argument('<bundle>', 'its number', Number)
    .option('--by <name>', 'who refuses (default: the name of this account)')
    .option('--reason <text>', 'kept beside it')
    .action(
      async (exporter: string, sequence: number, o: { by?: string; reason?: string }, self) => {
        const invocation = invoke(self, context);
        const body = { exporter, sequence, by: personOf(o.by), reason: o.reason ?? '' };
        const row = await ask(invocation, 'refuseImport', { body });
        await showResult(invocation, {
          sentence:
            row.state === 'failed'
              ? `bundle ${sequence} of ${row.space} is ended: ${row.reason}`
              : `bundle ${sequence} of ${row.space} is refused; nothing of it was let in`,
          title: 'imports',
          columns: plainColumns('space', 'sequence', 'state', 'reason'),
          rows: [row],
        });
      },
    );
}

interface Often {
  readonly every: string;
  readonly by?: string;
}

const often = (command: Command): Command =>
  command
    .option('--every <time>', 'look so often', '1m')
    .option('--by <name>', 'who does it (default: the name of this account)')
    .option('--once', 'only now');

/** Until ctrl-c, or once. */
async function regularly(
  { context, signal }: Invocation,
  { every, once }: Often & { once?: boolean },
  work: () => Promise<void>,
): Promise<void> {
  const everyMs = parseDuration(every);
  for (;;) {
    await work();
    if (once || signal.aborted) return;
    try {
      await context.delay(everyMs, signal);
    } catch {
      return;
    }
  }
}

function watch(group: Command, context: CommandContext): void {
  often(
    group
      .command('watch')
      .description(
        'take bundles from a drop folder, whoever put them there; people approve them as always',
      )
      .argument('<folder>'),
  ).action(async (folder: string, options: Often & { once?: boolean }, self) => {
    const invocation = invoke(self, context);
    const by = personOf(options.by);
    const seen = new Map<string, Seen>();
    await regularly(invocation, options, () => lookInto(invocation, resolve(folder), by, seen));
  });
}

interface Seen {
  readonly stamp: string;
  readonly code: string | undefined;
}

/** Sizes and times of the three files, links not followed: one of them may still be on its way. */
async function stampOf(path: string): Promise<string> {
  const stem = path.slice(0, -MANIFEST.length);
  const files = [path, `${path}.p7s`, `${stem}.car`];
  const stats = await Promise.all(files.map((file) => lstat(file).catch(() => undefined)));
  return JSON.stringify(stats.map((one) => [one?.size, one?.mtimeMs]));
}

/** What is let in may be what another bundle waits for. */
async function appliedCount(invocation: Invocation): Promise<number> {
  const { rows } = await askRows(invocation, 'crossings');
  return rows.filter(({ way, state }) => way === 'in' && state === 'applied').length;
}

/** A file that has not changed is not looked at twice: what was refused stays refused. */
async function lookInto(
  invocation: Invocation,
  folder: string,
  by: string,
  seen: Map<string, Seen>,
): Promise<void> {
  const { output } = invocation;
  let names: string[];
  try {
    names = (await readdir(folder)).filter(
      (name) => name.endsWith(MANIFEST) && !name.startsWith('.'),
    );
  } catch (error) {
    output.say(`${folder}: ${asMeshError(error).message}`);
    return;
  }
  for (const name of names.sort()) {
    const path = join(folder, name);
    let stamp = await stampOf(path);
    const last = seen.get(name);
    try {
      if (last?.code === 'BASE_MISSING') stamp += await appliedCount(invocation);
      if (last?.stamp === stamp) continue;
      seen.set(name, { stamp, code: undefined });
      const { crossing } = await followWork(invocation, 'importBundle', { path, by });
      output.say(
        `${name}: bundle ${crossing.sequence} of ${crossing.space}, ${counted(crossing.entries, 'entry', 'entries')}, ${crossing.state}`,
      );
    } catch (error) {
      const fault = asMeshError(error);
      if (fault.code === 'BASE_MISSING' && last?.code !== fault.code)
        stamp += await appliedCount(invocation).catch(() => '');
      // It is tried again when the node is there.
      if (fault.code === 'NODE_UNREACHABLE') seen.delete(name);
      else seen.set(name, { stamp, code: fault.code });
      output.say(`${name}: ${fault.line}`);
    }
  }
}

function push(group: Command, context: CommandContext): void {
  often(
    group
      .command('push')
      .description(
        'keep a drop folder filled: a bundle for a space whenever something is new for it',
      )
      .argument('<space>', 'who is to import them')
      .requiredOption('--into <folder>', 'the drop folder'),
  ).action(async (to: string, options: Often & { into: string; once?: boolean }, self) => {
    const invocation = invoke(self, context);
    const { output } = invocation;
    const by = personOf(options.by);
    await regularly(invocation, options, async () => {
      const { rows } = await askRows(invocation, 'crossings', { query: { space: to } });
      const sequence = Math.max(
        0,
        ...rows.filter(({ way }) => way === 'out').map((row) => row.sequence),
      );
      const path = join(resolve(options.into), `${to}-${String(sequence + 1).padStart(6, '0')}`);
      // What was put there counts as known: the folder is copied as a whole, and a gap in it would show at the import.
      const base = rows.some(({ way, state }) => way === 'out' && state === 'written')
        ? { sequence: newestOf(rows) }
        : ('acknowledged' as const);
      const outcome = await followWork(invocation, 'exportBundle', {
        path,
        to,
        by,
        base,
        ifNews: true,
      });
      if ('unchanged' in outcome) return;
      const { crossing } = outcome;
      output.say(
        `bundle ${crossing.sequence} for ${to}: ${counted(crossing.entries, 'entry', 'entries')}, ${formatBytes(crossing.sizeBytes)}`,
      );
    });
  });
}

const newestOf = (rows: readonly { way: string; state: string; sequence: number }[]): number =>
  Math.max(
    ...rows
      .filter(
        ({ way, state }) => way === 'out' && (state === 'written' || state === 'acknowledged'),
      )
      .map(({ sequence }) => sequence),
  );
