// Contracts: what the events of a context must say, beyond being JSON, where this program reads them itself. Publishers
// refuse what breaks one; at subscribers it is a dead letter. Most contexts have none.

import { MeshError } from './errors.ts';
import type { ContextName } from './ids.ts';
import { parseDeploymentOf, parseInventory, type ReportContext } from './reports.ts';

/**
 * Checks what is published under the name of an item; null stands for a file. `saidMs` is the time of its entry, so that
 * everybody judges alike, whenever it comes.
 * @throws EVENT_INVALID, NAME_INVALID
 */
export type Contract = (
  item: string,
  event: { readonly payload: unknown } | null,
  saidMs: number,
) => void;

const CONTRACTS: ReadonlyMap<string, Contract> = new Map<ReportContext, Contract>([
  ['inventory', (_, event, saidMs) => void parseInventory(payloadOf(event), saidMs)],
  ['deployments', (item, event, saidMs) => void parseDeploymentOf(item, payloadOf(event), saidMs)],
]);

/** Undefined when any content will do that the context takes. */
export const contractOf = (context: ContextName): Contract | undefined => CONTRACTS.get(context);

function payloadOf(event: { readonly payload: unknown } | null): unknown {
  if (event) return event.payload;
  throw new MeshError('EVENT_INVALID', 'a report is an event, and this is a file');
}
