// Groups that the commands of the air gap belong to, whichever of them is registered first; and who it is that types.

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { MeshError } from '../../protocols/errors.ts';
import { GROUPS } from '../program.ts';

function group(program: Command, name: string, description: string): Command {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? program.command(name).helpGroup(GROUPS.gap).description(description);
}

export const gapGroup = (program: Command): Command =>
  group(program, 'gap', 'bundles across an air gap: what crossed, who approves, drop folders');

export const receiptsGroup = (program: Command): Command =>
  group(program, 'receipts', 'signed receipts of what was deployed behind an air gap');

/** Written into the ledger: the person's own name, or that of the account. */
export function personOf(by: string | undefined): string {
  if (by !== undefined && by.trim() !== '') return by.trim();
  try {
    return userInfo().username;
  } catch {
    throw new MeshError('USAGE', 'this account has no name', {
      next: 'Say who you are: --by NAME',
    });
  }
}
