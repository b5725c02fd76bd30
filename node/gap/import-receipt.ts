// The receipt of an import: what tells the exporter that its bundle was let in.

import type { Directory } from '../directory/directory.ts';
import type { Home } from '../home/home.ts';
import type { Crossing } from './ledger.ts';
import type { ReceiptLog } from './receipt-log.ts';

interface Signer {
  readonly receipts: ReceiptLog;
  readonly directory: Pick<Directory, 'applied'>;
  readonly home: Pick<Home, 'config'>;
}

/**
 * Signed once: a crash between the receipt and the ledger must not make two receipts of one import. Where no receipt may be
 * signed any more the import counts all the same.
 * @returns why there is none
 */
export async function signImport(o: Signer, row: Crossing): Promise<string | null> {
  const { receipts, directory, home } = o;
  const subject = { name: `bundle:${row.name}/${row.sequence}`, sha256: row.manifest };
  if (receipts.fault) return receipts.fault.code;
  if (await receipts.has(subject)) return null;
  const { mesh, space: id, name } = home.config;
  const { size, root } = directory.applied;
  await receipts.append(
    {
      ...{ kind: 'import', mesh, space: { id, name }, entries: row.entries },
      bundle: { exporter: row.space, sequence: row.sequence, manifestSha256: row.manifest },
      appliedAt: new Date(row.atMs).toISOString(),
      approvedBy: row.approvals.map(({ by }) => by),
      directory: { size, root: Buffer.from(root).toString('hex') },
    },
    subject,
  );
  return null;
}
