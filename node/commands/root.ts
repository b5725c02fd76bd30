// `odcm root`: shows the root metadata, and makes and signs the next version. The tool of the keepers: it works on files,
// needs no node, and can be used on a machine without a network.

import { createPublicKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeRoot, type Root } from '../../protocols/root.ts';
import { decodeRootEnvelope, type RootEnvelope } from '../../protocols/root-chain.ts';
import { assertFormat, collect, render, type Shell, wholeNumber } from './shell.ts';

interface RotateFlags {
  readonly from?: string;
  readonly out: string;
  readonly key?: string[];
  readonly addRootKey?: string[];
  readonly dropRootKey?: string[];
  readonly threshold?: number;
  readonly addDirectoryKey?: string[];
  readonly dropDirectoryKey?: string[];
  readonly addTimestampKey?: string[];
  readonly dropTimestampKey?: string[];
  readonly addIssuing?: string[];
  readonly dropIssuing?: string[];
  readonly continueDirectory?: string;
  readonly keepDirectoryKey?: boolean;
  readonly days?: number;
}

const DAY_MS = 24 * 3_600_000;
const ROOT_DAYS = 365;
const KEY = 'a PEM file, or the key in base64';

export function registerRoot(program: Command, shell: Shell): void {
  const root = program
    .command('root')
    .helpGroup(shell.group)
    .description('the root metadata: who may sign the directory, and who may change that');
  root
    .command('show')
    .argument('[file]', 'a version of the root (default: the newest of the home)')
    .description('keys, thresholds, CA certificates and expiry of a version')
    .action((file: string | undefined, _: object, command: Command) => show(shell, file, command));
  root
    .command('rotate')
    .description('make the version that follows, and sign it with the keys that are here')
    .requiredOption('--out <file>', 'where the new version goes')
    .option('--from <file>', 'the version in force (default: the newest of the home)')
    .option('--key <file>', 'a root key that signs, may be repeated', collect)
    .option('--add-root-key <key>', `a new root key, may be repeated: ${KEY}`, collect)
    .option('--drop-root-key <id>', 'a root key that goes, may be repeated', collect)
    .option('--threshold <number>', 'root keys that must sign', wholeNumber('--threshold'))
    .option('--add-directory-key <key>', KEY, collect)
    .option('--drop-directory-key <id>', 'a directory key that goes', collect)
    .option('--add-timestamp-key <key>', KEY, collect)
    .option('--drop-timestamp-key <id>', 'a timestamp key that goes', collect)
    .option('--add-issuing <file>', 'certificate of an issuing CA, in PEM', collect)
    .option('--drop-issuing <sha256>', 'an issuing CA that goes', collect)
    .option(
      '--continue-directory <size:tree>',
      'the directory goes on in a new epoch from there, as odcm directory histories says',
    )
    .option('--keep-directory-key', 'with it: the directory key was surely not stolen, and stays')
    .option(
      '--days <number>',
      'it expires after so many days (default: 365)',
      wholeNumber('--days'),
    )
    .action((flags: RotateFlags, command: Command) => rotate(shell, flags, command));
  root
    .command('sign <file>')
    .description('add signatures to a version that rotate made, in its place')
    .option('--from <file>', 'the version in force, to say what is missing (default: of the home)')
    .option('--key <file>', 'a root key that signs, may be repeated', collect)
    .action((file: string, flags: { from?: string; key?: string[] }, command: Command) =>
      sign(shell, file, flags, command),
    );
}

async function show(shell: Shell, file: string | undefined, command: Command): Promise<void> {
  const { options, output } = shell.invoke(command);
  assertFormat(options.format);
  const envelope = await envelopeOf(file, options.home);
  const root = decodeRoot(envelope.payload);
  const signedBy = envelope.signatures.map(({ keyid }) => keyid);
  const fields = {
    ...{ version: root.version, mesh: root.mesh, expires: root.expires },
    ...{ roles: root.roles, x509: root.x509, directory: showEpoch(root), signedBy },
  };
  await output.write(render(options.format, fields, describe(root, signedBy)));
}

function describe(root: Root, signedBy: readonly string[]): string[] {
  const role = (name: 'root' | 'directory' | 'timestamp') => [
    `  ${name}: ${root.roles[name].threshold} of ${root.roles[name].keyids.length} must sign`,
    ...root.roles[name].keyids.map((id) => `    ${id}`),
  ];
  return [
    `Version ${root.version} of the root of mesh ${root.mesh}, until ${root.expires}`,
    '',
    ...(['root', 'directory', 'timestamp'] as const).flatMap(role),
    ...epochLines(root),
    `  root CA\n    ${root.x509.root}`,
    '  issuing CAs',
    ...root.x509.issuing.map((pin) => `    ${pin}`),
    '  signed by',
    ...(signedBy.length > 0 ? signedBy.map((id) => `    ${id}`) : ['    nobody yet']),
  ];
}

const showEpoch = ({ directory }: Root) =>
  directory && {
    epoch: directory.epoch,
    size: directory.continues.size,
    root: directory.continues.root.toString('hex'),
  };

const epochLines = (root: Root): string[] => {
  const epoch = showEpoch(root);
  if (!epoch) return [];
  return [
    `  the directory goes on in epoch ${epoch.epoch}, after ${epoch.size} entries`,
    `    ${epoch.root}`,
  ];
};

async function rotate(shell: Shell, flags: RotateFlags, command: Command): Promise<void> {
  const { options, output } = shell.invoke(command);
  assertFormat(options.format);
  const { keptDirectoryKeys, nextRootPayload } = await import('../../certs/root-rotation.ts');
  const current = decodeRoot((await envelopeOf(flags.from, options.home)).payload);
  const drop = {
    root: flags.dropRootKey ?? [],
    directory: flags.dropDirectoryKey ?? [],
    timestamp: flags.dropTimestampKey ?? [],
  };
  requireNewDirectoryKey(flags, keptDirectoryKeys(current, { drop }));
  const { threshold, days = ROOT_DAYS, addIssuing = [], dropIssuing = [] } = flags;
  const { certificatePin } = await import('../../certs/chain.ts');
  const payload = nextRootPayload(current, {
    expiresMs: Date.now() + days * DAY_MS,
    threshold,
    add: {
      root: await publicKeys(flags.addRootKey),
      directory: await publicKeys(flags.addDirectoryKey),
      timestamp: await publicKeys(flags.addTimestampKey),
    },
    drop,
    addIssuing: await Promise.all(
      addIssuing.map(async (file) => certificatePin((await readSmall(file)).toString())),
    ),
    dropIssuing,
    continueDirectory: pointOf(flags.continueDirectory),
  });
  const envelope = { payload, signatures: [] };
  const fields = await write(envelope, current, flags.key ?? [], flags.out);
  await output.write(render(options.format, fields, told(fields)));
}

/** Two histories may be the work of a thief, and what the new epoch begins with is whatever its keys sign first. */
function requireNewDirectoryKey(flags: RotateFlags, kept: readonly string[]): void {
  if (flags.continueDirectory === undefined || flags.keepDirectoryKey || kept.length === 0) return;
  throw new MeshError(
    'USAGE',
    `the directory key ${kept.join(', ')} stays: whoever stole it could begin the new epoch`,
    {
      next: 'Replace it: odcm keys next directory at ODCM, then --add-directory-key KEY --drop-directory-key ID. If it was surely not stolen: --keep-directory-key',
    },
  );
}

async function sign(
  shell: Shell,
  file: string,
  flags: { from?: string; key?: string[] },
  command: Command,
): Promise<void> {
  const { options, output } = shell.invoke(command);
  assertFormat(options.format);
  if (!flags.key) {
    throw new MeshError('USAGE', 'nobody signs', { next: 'Name a root key: --key root-1.pem' });
  }
  const current = decodeRoot((await envelopeOf(flags.from, options.home)).payload);
  const fields = await write(await envelopeOf(file, ''), current, flags.key, file);
  await output.write(render(options.format, fields, told(fields)));
}

interface Written {
  readonly file: string;
  readonly version: number;
  readonly expires: string;
  /** Signatures that the keepers of the version in force, and those of the new one, still owe. */
  readonly missing: { readonly current: number; readonly next: number };
}

async function write(
  envelope: RootEnvelope,
  current: Root,
  keyFiles: readonly string[],
  file: string,
): Promise<Written> {
  const [{ readKeyFile }, { addRootSignatures, missingSignatures }, { writeFileDurable }] =
    await Promise.all([
      import('../../certs/keystore.ts'),
      import('../../certs/root-rotation.ts'),
      import('../home/files.ts'),
    ]);
  const keys = await Promise.all(keyFiles.map((path) => readKeyFile(path)));
  const bytes = addRootSignatures(envelope, keys);
  await writeFileDurable(file, bytes);
  const { version, expires } = decodeRoot(envelope.payload);
  return { file, version, expires, missing: missingSignatures(decodeRootEnvelope(bytes), current) };
}

function told({ file, version, expires, missing }: Written): string[] {
  const isDone = missing.current === 0 && missing.next === 0;
  return [
    `Version ${version} of the root is in ${file}, until ${expires}.`,
    '',
    isDone
      ? 'It has the signatures that it needs. Next, at ODCM:'
      : `It lacks ${missing.current} signatures of the keepers until now and ${missing.next} of those from now on. Next:`,
    isDone ? `  odcm root install ${file}` : `  odcm root sign ${file} --key FILE`,
  ];
}

/** The file, or the newest version that the home holds. */
async function envelopeOf(file: string | undefined, home: string): Promise<RootEnvelope> {
  if (file !== undefined) return decodeRootEnvelope(await readSmall(file));
  const { openHome } = await import('../home/home.ts');
  const { rootEnvelopes } = await openHome(home);
  return decodeRootEnvelope(rootEnvelopes.at(-1)!);
}

function pointOf(text: string | undefined): { size: number; root: Buffer } | undefined {
  if (text === undefined) return undefined;
  const [, size, tree] = /^([1-9]\d{0,12}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (size && tree) return { size: Number(size), root: Buffer.from(tree, 'hex') };
  throw new MeshError(
    'USAGE',
    '--continue-directory is a number of entries, a colon, and 64 hex digits',
    {
      next: 'Take both from: odcm directory histories',
    },
  );
}

async function publicKeys(given: readonly string[] = []): Promise<Buffer[]> {
  return Promise.all(given.map(publicKey));
}

/** Base64 of the 32 bytes, or a PEM file with the public key; a private key gives its public half. */
async function publicKey(text: string): Promise<Buffer> {
  const raw = Buffer.from(text, 'base64');
  if (raw.length === 32 && raw.toString('base64') === text) return raw;
  const pem = await readSmall(text);
  try {
    return ed25519Raw(createPublicKey(pem));
  } catch (cause) {
    throw new MeshError('USAGE', `${text} is no Ed25519 key in base64 or PEM`, { cause });
  } finally {
    pem.fill(0);
  }
}

async function readSmall(path: string): Promise<Buffer> {
  try {
    if ((await stat(path)).size > LIMITS.rootBytes) {
      throw new MeshError('TOO_LARGE', `${path} is above ${LIMITS.rootBytes} bytes`);
    }
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError('FILE_UNREADABLE', `${path} cannot be read`, { cause });
  }
}
