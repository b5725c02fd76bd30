// `odcm enrol REQUEST --answer FILE`, at ODCM: lets in a site without a network, once a person has compared the six words.

import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { ask } from '../ask.ts';
import { type CommandContext, type Invocation, invoke, type Register } from '../command-context.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { examples } from './examples.ts';

interface Options {
  readonly answer: string;
  readonly yes?: string;
}

export const register: Register = (program, context) => {
  program
    .command('enrol')
    .helpGroup(GROUPS.trust)
    .description('let in a site without a network, from the file of its request (at ODCM)')
    .argument('<request>', 'the file that odcm join --request wrote there')
    .requiredOption('--answer <file>', 'where the answer goes')
    .option('--yes <words>', 'the six words that the site shows, instead of the question')
    .addHelpText(
      'after',
      examples([
        ['odcm invite vault --offer vault.offer', 'first; the site makes its request of it'],
        ['odcm enrol vault.request --answer vault.answer', 'compare the words and say yes'],
      ]),
    )
    .action(async (file: string, options: Options, self) => {
      const invocation = invoke(self, context);
      const path = resolve(file);
      const looked = await ask(invocation, 'lookAtRequest', { body: { path } });
      const words = options.yes ?? (await compare(invocation, looked, context));
      const answer = resolve(options.answer);
      const enrolled = await ask(invocation, 'enrolByFile', { body: { path, answer, words } });
      await showResult(invocation, {
        sentence: `${enrolled.space} is a space of this mesh now; the answer is in ${answer}.`,
        more: [
          `check words: ${enrolled.words}`,
          `certificate until ${formatTime(timeMs(enrolled.certificateUntil)!)}`,
          'At the site: odcm join --answer FILE, then odcm run --offline',
        ],
        title: 'enrolments',
        columns: plainColumns<typeof enrolled>(
          'space',
          'id',
          'words',
          'answer',
          'certificateUntil',
        ),
        rows: [enrolled],
      });
    });
};

/** Nobody but a person says yes: without a terminal the words have to be given. */
async function compare(
  { output }: Invocation,
  { space, words }: RouteResult<'lookAtRequest'>,
  { stdin, stderr, signal }: CommandContext,
): Promise<string> {
  output.say(`${space} asks to join. Its check words are: ${words}`);
  const isTerminal = (stdin as { isTTY?: boolean }).isTTY === true && stderr.isTTY === true;
  if (isTerminal) {
    const lines = createInterface({ input: stdin, output: stderr });
    try {
      const said = await lines.question('Does the site show the same six words? (yes or no) ', {
        signal,
      });
      if (said.trim().toLowerCase() === 'yes') return words;
    } finally {
      lines.close();
    }
  }
  throw new MeshError('APPROVAL_REFUSED', `nobody said that ${space} shows the same words`, {
    next: 'Compare them, then: odcm enrol REQUEST --answer FILE --yes "the six words"',
  });
}
