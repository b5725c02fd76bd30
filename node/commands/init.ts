// `odcm init MESH`: a trust root and the first node, and what its owner has to do next.

import type { Command } from 'commander';
import type { InitResult } from '../home/init.ts';
import { passphraseFrom } from '../home/passphrase.ts';
import { assertFormat, collect, render, type Shell, shellWord, wholeNumber } from './shell.ts';

interface InitFlags {
  readonly space?: string;
  readonly rootKeys?: number;
  readonly threshold?: number;
  readonly rootKeysTo?: string;
  readonly listen?: string[];
  readonly announce?: string[];
  readonly enrol?: string;
  readonly acceptForced?: boolean;
  readonly passphraseFile?: string;
}

export function registerInit(program: Command, shell: Shell): void {
  program
    .command('init <mesh>')
    .helpGroup(shell.group)
    .description(
      'make a trust root (root keys, certificate authority, directory) and the ODCM node',
    )
    .option('--space <name>', 'name of the ODCM space (default: odcm)')
    .option('--root-keys <number>', 'root keys to make (default: 3)', wholeNumber('--root-keys'))
    .option(
      '--threshold <number>',
      'root keys that must sign (default: 2)',
      wholeNumber('--threshold'),
    )
    .option('--root-keys-to <dir>', 'where the keys go that belong offline (default: in the home)')
    .option('--listen <address>', 'listen here, may be repeated (default: a free port)', collect)
    .option('--announce <address>', 'tell other nodes this address, may be repeated', collect)
    .option('--enrol <host:port>', 'where nodes join (default: a free port)')
    .option('--accept-forced', 'take feeds that their publishers force on everybody')
    .option('--passphrase-file <file>', 'protect the keys with the passphrase in this file')
    .action(async (mesh: string, flags: InitFlags, command: Command) => {
      const { options, output } = shell.invoke(command);
      const { home, format } = options;
      assertFormat(format);
      output.say('Making keys; this takes some seconds.');
      const { initMesh } = await import('../home/init.ts');
      const { space, enrol, passphraseFile, ...rest } = flags;
      const passphrase = await passphraseFrom({ file: passphraseFile, env: process.env })();
      const made = await initMesh({
        ...rest,
        passphrase,
        dir: home,
        meshName: mesh,
        ...(space === undefined ? {} : { spaceName: space }),
        ...(enrol === undefined ? {} : { enrolListen: enrol }),
      });
      await output.write(render(format, { home, ...made }, describe(home, made)));
    });
}

function describe(home: string, made: InitResult): string[] {
  const keys = made.offlineFiles.length - 1;
  const at = `--home ${shellWord(home)}`;
  return [
    `Mesh ${made.meshName} is made; ${made.name} is its ODCM.`,
    '',
    `  mesh id           ${made.mesh}`,
    `  root fingerprint  ${made.rootFingerprint}`,
    `  node listens on   ${made.listen.join(' ')}`,
    `  nodes join at     ${made.enrol}`,
    '',
    `Take these keys offline, each to another keeper, and delete them here (${made.threshold} of ${keys} root keys sign a change):`,
    ...made.offlineFiles.map((file) => `  ${file}`),
    '',
    'Next:',
    `  odcm run ${at}`,
    `  odcm invite SPACE ${at}      in another terminal`,
  ];
}
