// `odcm ca rotate`, at ODCM: the next issuing CA, certified by the offline key of the root CA. It waits beside the one in
// force until a version of the root names it; certificates that were issued before stay valid as long as the root names both.

import type { Command } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import { passphraseOf } from './ask-passphrase.ts';
import { assertFormat, render, type Shell } from './shell.ts';

interface Flags {
  readonly rootCaKey: string;
  readonly passphraseFile?: string;
}

export function registerCa(program: Command, shell: Shell): void {
  program
    .command('ca')
    .helpGroup(shell.group)
    .description('the certificate authority of the mesh (at ODCM)')
    .command('rotate')
    .description('make the next issuing CA, for a version of the root that names it')
    .requiredOption('--root-ca-key <file>', 'the key of the root CA, which is kept offline')
    .option('--passphrase-file <file>', 'the passphrase of the keys stands in this file')
    .action(async (flags: Flags, command: Command) => {
      const { options, output } = shell.invoke(command);
      assertFormat(options.format);
      const [{ openHome }, { addIssuingAuthority }] = await Promise.all([
        import('../home/home.ts'),
        import('../rotate/next-keys.ts'),
      ]);
      const home = await openHome(options.home, passphraseOf(flags.passphraseFile));
      if (!home.isOdcm) {
        throw new MeshError('NOT_ODCM', `${home.config.name} is not the ODCM node of its mesh`);
      }
      const { readKeyFile } = await import('../../certs/keystore.ts');
      const rootKey = await readKeyFile(flags.rootCaKey);
      const made = await addIssuingAuthority(home, rootKey, Date.now());
      const text = [
        `The next issuing CA is in ${made.file}; it waits for a version of the root that names it.`,
        '',
        `  SHA-256  ${made.sha256}`,
        `  valid until ${made.notAfter}`,
        '',
        'Take the key of the root CA offline again. Next, for the keepers of the root keys:',
        `  odcm root rotate --add-issuing ${made.file} --out next.root.json --key FILE`,
      ];
      await output.write(render(options.format, made, text));
    });
}
