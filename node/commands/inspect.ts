// `odcm inspect`: what is in a bundle, checked without any node: for whoever carries it, or has to sign it off.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import type { Inspected, InspectedLog } from '../gap/inspect-bundle.ts';
import { assertFormat, type LongShell, render } from './shell.ts';

const HELP = `
Without a node nobody can say whether the signer is to be trusted, has been shut out since, or may
send what is in here, nor whether the destination has what the bundle goes on from: the import does.
With --root the signer's certificate is checked up to the root CA of the mesh.`;

export function registerInspect(program: Command, shell: LongShell): void {
  program
    .command('inspect')
    .helpGroup(shell.group)
    .description('check the three files of a bundle and show what is in it; needs no node')
    .argument('<file>', 'any of its three files')
    .option('--root <file>', 'certificate of the root CA of the mesh, PEM')
    .addHelpText('after', HELP)
    .action(async (path: string, { root }: { root?: string }, command: Command) => {
      const { options, output, signal, progress } = shell.invoke(command);
      assertFormat(options.format);
      const { inspectBundle } = await import('../gap/inspect-bundle.ts');
      const rootPem = root === undefined ? {} : { rootPem: await readRoot(root) };
      const bar = progress('Checking', 'bytes');
      let found: Inspected;
      try {
        const onProgress = (bytes: number) => bar.update(bytes);
        found = await inspectBundle({ path, signal, onProgress, ...rootPem });
      } finally {
        bar.clear();
      }
      await output.write(render(options.format, fieldsOf(found), describe(found)));
    });
}

async function readRoot(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new MeshError('FILE_UNREADABLE', `cannot read ${path}`, { cause });
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();

function fieldsOf({ manifest, signer, logs, missing, ...rest }: Inspected): object {
  const { createdMs, expiresMs, index, sha256, logs: _, ...fields } = manifest;
  const { signedAtMs, ...facts } = signer;
  return {
    manifest: {
      ...fields,
      ...{ created: iso(createdMs), expires: iso(expiresMs) },
      ...{ index: index.toString('hex'), sha256: sha256.toString('hex') },
      manifestSha256: rest.manifestSha256,
    },
    signer: { ...facts, signedAt: iso(signedAtMs) },
    rootVersions: rest.rootVersions,
    logs,
    missing,
    unknown: unknownOf(signer.isChainVerified),
  };
}

/** What none of the checks says. */
const unknownOf = (isChainVerified: boolean): string[] => [
  ...(isChainVerified ? [] : ['whether the signer is to be trusted: give --root']),
  'whether the signer or a publisher has been shut out since',
  'whether the destination has what this bundle goes on from, and may have what is in it',
];

function describe({ manifest: m, manifestSha256, signer, rootVersions, logs, missing }: Inspected) {
  const trust = signer.isChainVerified ? 'verified up to the root CA' : 'NOT checked (no --root)';
  return [
    `bundle ${m.sequence} of ${m.exporter.name} for ${m.destination.name}: files, sums and signature agree`,
    '',
    `  mesh         ${m.mesh}`,
    `  made         ${iso(m.createdMs)}, expires ${iso(m.expiresMs)}`,
    `  goes on from ${m.base === 0 ? 'nothing: it is complete in itself' : `bundle ${m.base}`}`,
    `  manifest     ${manifestSha256}`,
    `  CAR          ${m.sha256.toString('hex')}, ${m.sizeBytes} bytes in ${m.blocks} blocks`,
    `  signer       ${signer.subject}, ${trust}`,
    `  certificate  ${signer.sha256}, ${signer.notBefore} to ${signer.notAfter}`,
    `  signed       ${iso(signer.signedAtMs)}`,
    `  root         ${rootVersions} version${rootVersions === 1 ? '' : 's'}, lead from the id of the mesh to the directory's head`,
    '',
    ...logs.map(describeLog),
    ...(missing.length === 0 ? [] : [`  records missing: ${missing.join(', ')}`]),
    '',
    ...unknownOf(signer.isChainVerified).map((line) => `not known here: ${line}`),
  ];
}

function describeLog(log: InspectedLog, at: number): string {
  const { origin, from, to, added, changed, withdrawn, items } = log;
  if (at === 0) return `  directory: entries ${from} to ${to}`;
  const names = items.length === 0 ? '' : `: ${items.slice(0, 5).join(', ')}`;
  const more = items.length > 5 ? ', …' : '';
  return `  ${origin}: entries ${from} to ${to}, ${added} new, ${changed} changed, ${withdrawn} withdrawn${names}${more}`;
}
