// `odcm keys`: what is in the key files of this folder, and the passphrase they rest under. Works on the folder of a node
// that does not run, but for `show`, which only looks.

import type { Command } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import type { KeyFacts } from '../home/key-facts.ts';
import { newPassphrase, passphraseOf } from './ask-passphrase.ts';
import { assertFormat, render, type Shell } from './shell.ts';

interface Flags {
  readonly passphraseFile?: string;
  readonly newPassphraseFile?: string;
}

export function registerKeys(program: Command, shell: Shell): void {
  const keys = program
    .command('keys')
    .helpGroup(shell.group)
    .description('the private keys of this folder, and their passphrase');
  keys
    .command('show')
    .description('which keys are there, how old and how protected; no key is shown')
    .option('--passphrase-file <file>', 'the passphrase of the keys stands in this file')
    .action((flags: Flags, command: Command) => show(shell, flags, command));
  keys
    .command('next <role>')
    .description('make the next directory or timestamp key, for a version of the root (at ODCM)')
    .option('--passphrase-file <file>', 'the passphrase of the keys stands in this file')
    .action((role: string, flags: Flags, command: Command) => next(shell, role, flags, command));
  keys
    .command('protect')
    .description('encrypt the keys of a stopped node under a passphrase')
    .option(
      '--new-passphrase-file <file>',
      'the passphrase stands in this file; else it is asked for',
    )
    .action((flags: Flags, command: Command) => setPassphrase(shell, flags, command, 'protect'));
  keys
    .command('passphrase')
    .description('change the passphrase of the keys of a stopped node')
    .option('--passphrase-file <file>', 'the passphrase until now stands in this file')
    .option('--new-passphrase-file <file>', 'the new one stands in this file; else it is asked for')
    .action((flags: Flags, command: Command) => setPassphrase(shell, flags, command, 'change'));
}

async function show(shell: Shell, flags: Flags, command: Command): Promise<void> {
  const { options, output } = shell.invoke(command);
  assertFormat(options.format);
  const [{ openHome }, { keyFacts }] = await Promise.all([
    import('../home/home.ts'),
    import('../home/key-facts.ts'),
  ]);
  const home = await openHome(options.home, passphraseOf(flags.passphraseFile));
  const protection = await home.keys.protection();
  const facts = await keyFacts(home, Date.now());
  const fields = { home: home.dir, name: home.config.name, protection, keys: facts };
  await output.write(render(options.format, fields, describe(home.dir, protection, facts)));
}

function describe(dir: string, protection: string, facts: readonly KeyFacts[]): string[] {
  const how =
    protection === 'passphrase'
      ? 'rest under a passphrase'
      : 'are NOT protected: whoever reads the folder has them';
  return [
    `The keys in ${dir} ${how}.`,
    '',
    ...facts.map(
      ({ file, type, state, ageDays, fingerprint }) =>
        `  ${file.padEnd(24)} ${type.padEnd(8)} ${state.padEnd(9)} ${String(ageDays).padStart(4)} days  ${fingerprint}`,
    ),
    ...(protection === 'passphrase'
      ? []
      : ['', 'Next:', `  odcm keys protect --home ${dir}      while the node is stopped`]),
  ];
}

async function next(shell: Shell, role: string, flags: Flags, command: Command): Promise<void> {
  const { options, output } = shell.invoke(command);
  assertFormat(options.format);
  if (role !== 'directory' && role !== 'timestamp') {
    throw new MeshError('USAGE', 'there is a next key for directory and for timestamp');
  }
  const [{ openHome }, { addNextKey }] = await Promise.all([
    import('../home/home.ts'),
    import('../rotate/next-keys.ts'),
  ]);
  const home = await openHome(options.home, passphraseOf(flags.passphraseFile));
  const made = await addNextKey(home, role);
  const text = [
    `The next ${role} key waits for a version of the root that names it.`,
    '',
    `  key        ${made.key}`,
    `  key id     ${made.id}`,
    `  until now  ${made.formerId}`,
    '',
    'Next, for the keepers of the root keys; a later version then drops the former key:',
    `  odcm root rotate --add-${role}-key ${made.key} --out next.root.json --key FILE`,
  ];
  await output.write(render(options.format, made, text));
}

async function setPassphrase(
  shell: Shell,
  flags: Flags,
  command: Command,
  what: 'protect' | 'change',
): Promise<void> {
  const { options, output } = shell.invoke(command);
  assertFormat(options.format);
  const [{ openHome }, { lockHome }] = await Promise.all([
    import('../home/home.ts'),
    import('../home/lock.ts'),
  ]);
  const home = await openHome(options.home, passphraseOf(flags.passphraseFile));
  const lock = await lockHome(home.dir);
  try {
    // The old one first: whoever does not know it is not asked for a new one.
    if (what === 'change') await home.localKey();
    const passphrase = await newPassphrase(flags.newPassphraseFile);
    try {
      if (what === 'protect') await home.keys.protect(passphrase);
      else await home.keys.changePassphrase(passphrase);
    } finally {
      passphrase.fill(0);
    }
  } finally {
    await lock.release();
  }
  const text = [
    what === 'protect'
      ? `The keys in ${home.dir} rest under the passphrase now.`
      : `The keys in ${home.dir} have a new passphrase; backups keep the old one.`,
    '',
    'Keep the passphrase apart from this machine: without it the space has to join anew.',
    'Next:',
    `  odcm run --home ${home.dir} --passphrase-file FILE`,
  ];
  await output.write(render(options.format, { home: home.dir, protection: 'passphrase' }, text));
}
