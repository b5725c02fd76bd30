// `odcm join TOKEN`: this node becomes a space of the mesh that the token pins. Without a network the same in two steps:
// `--offer` and `--request`, later `--answer`.

import type { Command } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import { parseMeshId } from '../../protocols/ids.ts';
import type { JoinResult } from '../enrol/join.ts';
import type { JoinedByFile, Requested } from '../enrol/join-by-file.ts';
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
  readonly offer?: string;
  readonly request?: string;
  readonly answer?: string;
  readonly mesh?: string;
}

export function registerJoin(program: Command, shell: Shell): void {
  program
    .command('join [token]')
    .helpGroup(shell.group)
    .description('enrol this node with a token from odcm invite, or by files')
    .option('--space <name>', 'refuse a token that is not for this space')
    .option('--at <host:port>', 'where ODCM enrols, in place of what the token says')
    .option('--listen <address>', 'listen here, may be repeated (default: a free port)', collect)
    .option('--announce <address>', 'tell other nodes this address, may be repeated', collect)
    .option('--accept-forced', 'take feeds that their publishers force on everybody')
    .option('--passphrase-file <file>', 'protect the keys with the passphrase in this file')
    .option('--offer <file>', 'without a network: the file from odcm invite --offer …')
    .option('--request <file>', '… makes keys here and writes this file, for odcm enrol')
    .option('--answer <file>', '… and then: the file that odcm enrol wrote')
    .option('--mesh <id>', 'refuse an offer of another mesh')
    .action(async (token: string | undefined, flags: JoinFlags, command: Command) => {
      const { options, output, signal } = shell.invoke(command);
      const { home, format } = options;
      assertFormat(format);
      if (token === undefined) {
        await output.write(await joinByFile(home, format, flags));
        return;
      }
      for (const name of ['offer', 'request', 'answer', 'mesh'] as const)
        if (flags[name] !== undefined) throw usage(`--${name} does not go with a token`);
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

/** @returns what is shown */
async function joinByFile(home: string, format: string, flags: JoinFlags): Promise<string> {
  const { offer, request, answer } = flags;
  if (answer !== undefined) {
    if (offer !== undefined || request !== undefined)
      throw usage('--answer goes without --offer and --request');
    const { finishByFile } = await import('../enrol/join-by-file.ts');
    const joined = await finishByFile({ dir: home, answer });
    return render(format, { home, ...joined }, describeJoined(home, joined));
  }
  if (offer === undefined || request === undefined)
    throw usage('a token is missing, or --offer with --request');
  const { requestByFile } = await import('../enrol/join-by-file.ts');
  const { space, mesh, listen, announce, acceptForced, passphraseFile } = flags;
  const passphrase = await passphraseFrom({ file: passphraseFile, env: process.env })();
  const requested = await requestByFile({
    ...{ dir: home, offer, request, listen, announce, acceptForced, passphrase, spaceName: space },
    ...(mesh === undefined ? {} : { mesh: parseMeshId(mesh) }),
  });
  return render(format, { home, request, ...requested }, describeRequest(home, request, requested));
}

function describeRequest(home: string, file: string, { name, ...asked }: Requested): string[] {
  return [
    `${file} asks mesh ${asked.meshName} to take in ${name}. The keys stay here.`,
    '',
    `  mesh id      ${asked.mesh}`,
    `  check words  ${asked.words.join(' ')}`,
    '',
    'Read the words out to whoever enrols it there: odcm enrol FILE --answer FILE',
    '',
    'Then, with the answer:',
    `  odcm join --answer FILE --home ${shellWord(home)}`,
  ];
}

function describeJoined(home: string, joined: JoinedByFile): string[] {
  return [
    `${joined.name} is a space of mesh ${joined.meshName} now.`,
    '',
    `  mesh id      ${joined.mesh}`,
    `  check words  ${joined.words.join(' ')}`,
    '',
    'Next:',
    `  odcm run --offline --home ${shellWord(home)}`,
    '  odcm import FILE',
  ];
}

const usage = (message: string): MeshError =>
  new MeshError('USAGE', message, {
    next: 'Give a token; or --offer FILE --request FILE; or --answer FILE.',
  });
