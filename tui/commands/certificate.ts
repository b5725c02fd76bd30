// `odcm certificate request|renew|install`: the next certificate of a space without a network, by file.

import { resolve } from 'node:path';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';

const dated = (instant: string): string => formatTime(timeMs(instant)!);

export const register: Register = (program, context) => {
  const certificate = program
    .command('certificate')
    .helpGroup(GROUPS.trust)
    .description('the next certificate of a space without a network, by file');

  certificate
    .command('request <file>')
    .description('ask for it: writes the file for odcm certificate renew (at the site)')
    .action(async (file: string, _: object, self) => {
      const invocation = invoke(self, context);
      const asked = await ask(invocation, 'requestCertificate', { body: { path: resolve(file) } });
      await showResult(invocation, {
        sentence: `${asked.path} asks for the next certificate of ${asked.space}.`,
        more: [
          `The one in force ends on ${dated(asked.certificateUntil)}.`,
          'At ODCM: odcm certificate renew REQUEST --answer FILE',
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
