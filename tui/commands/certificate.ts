// `odcm certificate request|renew|install`: the next certificate of a space without a network, by file.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { examples } from './examples.ts';

const dated = (instant: string): string => formatTime(timeMs(instant)!);

export const register: Register = (program, context) => {
  const certificate = program
    .command('certificate')
    .helpGroup(GROUPS.trust)
    .description('the next certificate of a space without a network, by file');

  certificate
    .command('request <file>')
    .description('ask for it: writes the file for odcm certificate renew (at the site)')
    .option('--new-keys', 'for new node and exchange keys of this space')
    .addHelpText(
      'after',
      examples([
        ['odcm certificate request vault.request', 'for the keys that this space has'],
        ['odcm certificate request vault.request --new-keys', 'rotate them by file'],
      ]),
    )
    .action(async (file: string, { newKeys = false }: { newKeys?: boolean }, self: Command) => {
      const invocation = invoke(self, context);
      const body = { path: resolve(file), newKeys };
      const asked = await ask(invocation, 'requestCertificate', { body });
      const what = newKeys ? 'new keys and their certificate' : 'the next certificate';
      await showResult(invocation, {
        sentence: `${asked.path} asks for ${what} of ${asked.space}.`,
        more: [
          `The one in force ends on ${dated(asked.certificateUntil)}.`,
          'At ODCM: odcm certificate renew REQUEST --answer FILE',
          ...(newKeys
            ? ['Then import a bundle that was exported after that; it brings the keys into force.']
            : []),
        ],
        title: 'certificates',
        columns: plainColumns<typeof asked>('space', 'path', 'certificateUntil'),
        rows: [asked],
      });
    });

  certificate
    .command('renew <request>')
    .description('answer a request with the next certificate (at ODCM)')
    .requiredOption('--answer <file>', 'where the answer goes')
    .action(async (request: string, { answer }: { answer: string }, self) => {
      const invocation = invoke(self, context);
      const body = { path: resolve(request), answer: resolve(answer) };
      const renewed = await ask(invocation, 'renewByFile', { body });
      await showResult(invocation, {
        sentence: `${renewed.answer} holds a certificate for ${renewed.space}, until ${dated(renewed.certificateUntil)}.`,
        more: ['At the site: odcm certificate install FILE'],
        title: 'certificates',
        columns: plainColumns<typeof renewed>('space', 'answer', 'certificateUntil'),
        rows: [renewed],
      });
    });

  certificate
    .command('install <answer>')
    .description('put it in force (at the site)')
    .action(async (answer: string, _: object, self) => {
      const invocation = invoke(self, context);
      const body = { path: resolve(answer) };
      const installed = await ask(invocation, 'installCertificate', { body });
      const until = dated(installed.certificateUntil);
      await showResult(invocation, {
        sentence: installed.isNew
          ? `The certificate of ${installed.space} is in force, until ${until}.`
          : `This certificate of ${installed.space} was in force already, until ${until}.`,
        title: 'certificates',
        columns: plainColumns<typeof installed>('space', 'certificateUntil', 'isNew'),
        rows: [installed],
      });
    });
};
