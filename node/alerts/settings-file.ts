// alerts.json in the node's folder, read again when it changed. While what lies there is wrong, what was in force before
// stays in force.

import { stat } from 'node:fs/promises';
import { asMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { readSmallFile } from '../home/files.ts';
import type { Log } from '../log.ts';
import {
  type AlertSettings,
  checkSettings,
  defaultSettings,
  type SettingsProblem,
  type SettingsVerdict,
} from './settings.ts';

export async function checkSettingsFile(path: string): Promise<SettingsVerdict> {
  try {
    const bytes = await readSmallFile(path, LIMITS.alertConfigBytes);
    if (bytes === undefined) return { settings: defaultSettings, problems: [] };
    return checkSettings(bytes.toString('utf8'));
  } catch (error) {
    const problem = asMeshError(error).message;
    return { settings: null, problems: [{ path: 'the file', problem }] };
  }
}

export class SettingsFile {
  readonly path: string;
  readonly #log: Log;
  #settings: AlertSettings = defaultSettings;
  #problem: string | null = null;
  #seen: string | undefined;

  constructor(path: string, log: Log) {
    this.path = path;
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
    const verdict = await checkSettingsFile(this.path);
    if (verdict.settings === null) {
      this.#problem = problemLine(verdict.problems[0]!);
      this.#log.error({ problem: this.#problem }, 'alerts.json is not in force');
      return false;
    }
    this.#settings = verdict.settings;
    this.#problem = null;
    if (!isFirst) this.#log.info({ path: this.path }, 'alerts.json was read anew');
    return !isFirst;
  }
}

export const problemLine = ({ path, problem }: SettingsProblem): string => `${path}: ${problem}`;
