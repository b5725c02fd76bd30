// What several actions do alike: copying, exporting, favourites, looking after an alert. Each says what came of it.

import { ask } from '../ask.ts';
import { displayText } from '../format/display-text.ts';
import type { AlertRow } from '../views/answers.ts';
import type { Desk } from './desk.ts';
import {
  clipboardSequence,
  EXPORT_FORMATS,
  type ExportFormat,
  exportFileName,
  exportText,
} from './export.ts';
import type { Choice } from './overlays.ts';

export const READ_ONLY = 'read-only: start with --allow-changes';

export function toggleFavourite({ state, say }: Desk, name: string): void {
  const isNew = !state.favourites.delete(name);
  if (isNew) state.favourites.add(name);
  say(`${name} is ${isNew ? 'a favourite now' : 'no favourite any more'}`);
}

export function copyText(desk: Desk, text: string): void {
  const sequence = clipboardSequence(text);
  if (sequence === undefined) {
    desk.say('This is too long for the clipboard of a terminal; export it to a file.', 'warn');
    return;
  }
  desk.host.write(sequence);
  // Terminals may refuse without a word: the value stays on the screen as well.
  desk.say(`copied: ${displayText(text, 200)}`);
}

export function exportChoices(desk: Desk): Choice[] {
  return EXPORT_FORMATS.flatMap((format): Choice[] => [
    { title: `${format} to a file here`, run: () => exportTo(desk, format) },
    { title: `${format} to the clipboard`, run: () => exportTo(desk, format, '-') },
  ]);
}

/** `-` is the clipboard. */
export function exportTo(desk: Desk, format: ExportFormat, file?: string): void {
  const listing = desk.listing();
  if (listing === undefined) {
    desk.say('There is no list here to export.', 'warn');
    return;
  }
  const nowMs = desk.clock.now();
  const text = exportText(listing, desk.view(), format, desk.targetName(), nowMs);
  if (file === '-') {
    const sequence = clipboardSequence(text);
    if (sequence === undefined) {
      desk.say('Too much for the clipboard of a terminal; export it to a file.', 'warn');
      return;
    }
    desk.host.write(sequence);
    desk.say(`copied ${listing.rows.length} rows as ${format}`);
    return;
  }
  const name = file ?? exportFileName(listing, format, nowMs);
  desk.attempt(async () => {
    await desk.host.writeFile(name, text);
    return `wrote ${name}`;
  });
}

/** Says that somebody looks after it. It changes no trust, so it asks for nothing, but it does change something. */
export function acknowledge(desk: Desk): void {
  if (desk.isReadOnly) {
    desk.say(`Not acknowledged: ${READ_ONLY}`, 'warn');
    return;
  }
  const row = desk.selected() as Partial<AlertRow> | undefined;
  const id = row?.id;
  if (id === undefined) {
    desk.say('No alert is selected.', 'warn');
    return;
  }
  desk.attempt(async () => {
    const { subject } = await ask(desk.asker(), 'acknowledgeAlert', {
      body: { id, by: desk.host.user, why: '' },
    });
    desk.store().refresh();
    return `acknowledged: ${subject}`;
  });
}
