// `odcm join TOKEN`: this node becomes a space of the mesh that the token pins.

import type { Command } from 'commander';
import type { JoinResult } from '../enrol/join.ts';
import { parseHostPort } from '../home/addresses.ts';
import { passphraseFrom } from '../home/passphrase.ts';
import { assertFormat, collect, render, type Shell, shellWord } from './shell.ts';

interface JoinFlags {
  readonly space?: string;
  readonly at?: string;
  readonly listen?: string[];
  readonly announce?: string[];
  readonly acceptForced?: boolean;
  readonly passphraseFile?: string;
}

export function registerJoin(program: Command, shell: Shell): void {
  program
    .command('join <token>')
    .helpGroup(shell.group)
    .description('enrol this node with a token from odcm invite')
    .option('--space <name>', 'refuse a token that is not for this space')
    .option('--at <host:port>', 'where ODCM enrols, in place of what the token says')
    .option('--listen <address>', 'listen here, may be repeated (default: a free port)', collect)
    .option('--announce <address>', 'tell other nodes this address, may be repeated', collect)
    .option('--accept-forced', 'take feeds that their publishers force on everybody')
    .option('--passphrase-file <file>', 'protect the keys with the passphrase in this file')
    .action(async (token: string, flags: JoinFlags, command: Command) => {
      const { options, output, signal } = shell.invoke(command);
      const { home, format } = options;
      assertFormat(format);
      const { joinMesh } = await import('../enrol/join.ts');
      const { space, at, passphraseFile, ...rest } = flags;
      const passphrase = await passphraseFrom({ file: passphraseFile, env: process.env })();
      const joined = await joinMesh({
        ...rest,
        passphrase,
        dir: home,
        token,
        signal,
        ...(space === undefined ? {} : { spaceName: space }),
        ...(at === undefined ? {} : { at: parseHostPort(at) }),
      });
      await output.write(render(format, { home, ...joined }, describe(home, joined)));
    });
}

function describe(home: string, joined: JoinResult): string[] {
  return [
    `${joined.name} is a space of mesh ${joined.meshName} now.`,
    '',
    `  mesh id          ${joined.mesh}`,
    `  node listens on  ${joined.listen.join(' ')}`,
    `  check words      ${joined.words.join(' ')}`,
    '',
    'ODCM shows the same six words: odcm enrolments. If they differ, revoke the space there.',
    '',
    'Next:',
    `  odcm run --home ${shellWord(home)}`,
  ];
}
