// alerts.json in the node's folder, read again when it changed. While what lies there is wrong, what was in force before
// stays in force, over a restart as well: a copy of it is kept.

import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { readSmallFile, writeFileDurable } from '../home/files.ts';
import type { Log } from '../log.ts';
import {
  type AlertSettings,
  checkSettings,
  defaultSettings,
  type SettingsProblem,
  type SettingsVerdict,
} from './settings.ts';

export async function checkSettingsFile(path: string): Promise<SettingsVerdict> {
  return (await readSettings(path)).verdict;
}

interface Read {
  readonly verdict: SettingsVerdict;
  /** Undefined when there is no such file. */
  readonly text: string | undefined;
}

async function readSettings(path: string): Promise<Read> {
  try {
    const text = (
      await readSmallFile(path, LIMITS.alertConfigBytes, { mayBeLink: true })
    )?.toString('utf8');
    const verdict: SettingsVerdict =
      text === undefined ? { settings: defaultSettings, problems: [] } : checkSettings(text);
    return { verdict, text };
  } catch (error) {
    const problem = asMeshError(error).message;
    const problems = [{ path: 'the file', problem }];
    return { verdict: { settings: null, problems }, text: undefined };
  }
}

export interface SettingsPlaces {
  readonly path: string;
  /** Of what was last in force. */
  readonly copy: string;
  readonly log: Log;
}

export class SettingsFile {
  readonly path: string;
  readonly #copy: string;
  readonly #log: Log;
  #settings: AlertSettings = defaultSettings;
  #problem: string | null = null;
  #seen: string | undefined;

  constructor({ path, copy, log }: SettingsPlaces) {
    this.path = path;
    this.#copy = copy;
    this.#log = log;
  }

  get settings(): AlertSettings {
    return this.#settings;
  }

  /** The first thing that is wrong with what lies there; null when that is in force. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Looks whether the file is another one than before; true when other settings are in force since. */
  async refresh(): Promise<boolean> {
    const mark = await stat(this.path).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      () => 'none',
    );
    if (mark === this.#seen) return false;
    const isFirst = this.#seen === undefined;
    this.#seen = mark;
    const { verdict, text } = await readSettings(this.path);
    if (verdict.settings === null) {
      if (isFirst)
        this.#settings = (await checkSettingsFile(this.#copy)).settings ?? defaultSettings;
      this.#problem = problemLine(verdict.problems[0]!);
      this.#log.error({ problem: this.#problem }, 'alerts.json is not in force');
      return false;
    }
    this.#settings = verdict.settings;
    this.#problem = null;
    await this.#keep(text);
    if (!isFirst) this.#log.info({ path: this.path }, 'alerts.json was read anew');
    return !isFirst;
  }

  async #keep(text: string | undefined): Promise<void> {
    try {
      const kept = (await readSmallFile(this.#copy, LIMITS.alertConfigBytes))?.toString('utf8');
      if (kept === text) return;
      await mkdir(dirname(this.#copy), { recursive: true, mode: 0o700 });
      if (text === undefined) await rm(this.#copy, { force: true });
      else await writeFileDurable(this.#copy, text);
    } catch (error) {
      const reason = asMeshError(error).message;
      this.#log.warn({ reason }, 'alerts.json is in force, but no copy of it could be kept');
    }
  }
}

export const problemLine = ({ path, problem }: SettingsProblem): string => `${path}: ${problem}`;
