// What the dashboard remembers of its user between two runs: favourites, recents per node, theme, wide columns, typed
// commands. One small file of the user's own, never in a node's folder; a broken one is as good as none.

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { SCREENS, type State } from './state.ts';
import { THEMES } from './theme.ts';

const names = z.array(z.string().max(500)).max(500);

const Remembered = z.object({
  version: z.literal(1),
  theme: z.enum(THEMES).optional(),
  ascii: z.boolean().optional(),
  wide: z.array(z.enum(SCREENS)).default([]),
  favourites: names.default([]),
  recents: z.record(z.string(), names).default({}),
  commands: names.default([]),
});
export type Remembered = z.output<typeof Remembered>;

export const NOTHING_REMEMBERED: Remembered = {
  version: 1,
  wide: [],
  favourites: [],
  recents: {},
  commands: [],
};

const MAX_FILE_BYTES = 1 << 20;
const MAX_TARGETS = 50;

export function userStateFile(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'odcm', 'dash.json');
}

export async function loadUserState(file: string): Promise<Remembered> {
  try {
    const text = await readFile(file, 'utf8');
    if (text.length > MAX_FILE_BYTES) return NOTHING_REMEMBERED;
    return Remembered.parse(JSON.parse(text));
  } catch {
    return NOTHING_REMEMBERED;
  }
}

export async function saveUserState(file: string, remembered: Remembered): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await writeFile(temporary, `${JSON.stringify(remembered, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

export function recall(state: State, remembered: Remembered, target: string): void {
  state.favourites = new Set(remembered.favourites);
  state.recents = [...(remembered.recents[target] ?? [])];
  state.wide = new Set(remembered.wide);
  state.commandHistory = [...remembered.commands];
}

export function memorise(state: State, before: Remembered, target: string): Remembered {
  const { [target]: _, ...others } = before.recents;
  const kept = Object.entries(others).slice(0, MAX_TARGETS - 1);
  return {
    version: 1,
    theme: state.theme,
    ...(before.ascii === undefined ? {} : { ascii: before.ascii }),
    wide: [...state.wide],
    favourites: [...state.favourites],
    recents: Object.fromEntries([[target, state.recents], ...kept]),
    commands: state.commandHistory.slice(-100),
  };
}
