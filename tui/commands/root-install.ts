// `odcm root install FILE`, at ODCM: puts the next version of the root metadata in force; every node takes it over.

import { open } from 'node:fs/promises';
import type { RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { ask } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';

type Installed = RouteResult<'installRoot'>;

export const register: Register = (program, context) => {
  const root =
    program.commands.find((command) => command.name() === 'root') ??
    program.command('root').helpGroup(GROUPS.trust);
  root
    .command('install <file>')
    .description('put a signed version of the root metadata in force (at ODCM)')
    .action(async (file: string, _: object, self) => {
      const invocation = invoke(self, context);
      const envelope = (await readEnvelope(file)).toString('base64');
      const installed = await ask(invocation, 'installRoot', { body: { envelope } });
      await showResult(invocation, {
        sentence: `Version ${installed.version} of the root is in force, until ${installed.expires}.`,
        more: ['Every node takes it over within about a minute of being connected.'],
        title: 'roots',
        columns: plainColumns<Installed>('version', 'expires'),
        rows: [installed],
      });
    });
};

async function readEnvelope(path: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > LIMITS.rootBytes) {
        throw new MeshError('TOO_LARGE', `${quote(path)} is too large for root metadata`);
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError('FILE_UNREADABLE', `${quote(path)} cannot be read`, { cause });
  }
}
