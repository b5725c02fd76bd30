// Screen 9: what crossed the air gap, what waits for approval with all that it would change, and the receipts that came
// back or did not; and all receipts of one space.

import type { Answer } from '../../views/answers.ts';
import { type CrossingRow, ledgerView, type ReceiptRow, receiptsView } from '../../views/gap.ts';
import { crossingPanel, receiptsPanel, waitingPanel } from '../../views/gap-panels.ts';
import type { Room } from '../../views/table.ts';
import { receiptsOf, SOURCES } from '../sources.ts';
import { shellWord } from '../words.ts';
import { anyTable, remember, type Screen, type ShownPanel } from './screen.ts';

export function createGapScreen(): Screen {
  const table = remember(ledgerView);
  return {
    id: 'gap',
    title: 'Air gap',
    sources: () => [SOURCES.crossings, SOURCES.waitingImports, SOURCES.receipts],
    content: ({ get }) => {
      const answer = get(SOURCES.crossings).data;
      const receipts = get(SOURCES.receipts).data?.rows ?? null;
      const waiting = get(SOURCES.waitingImports).data?.rows ?? [];
      const view = answer === undefined ? undefined : table(answer);
      const missing = receipts?.filter(({ isMissing }) => isMissing).length ?? 0;
      const ofRow = (row: CrossingRow): ShownPanel => {
        const { way, state, space, sequence } = row;
        const own = waiting.find((one) => one.space === space && one.sequence === sequence);
        if (way === 'in' && state === 'waiting' && own !== undefined)
          return { id: 'import', make: () => waitingPanel(own) };
        return { id: 'crossing', make: (room: Room) => crossingPanel(row, receipts, room) };
      };
      return {
        crumb: 'Air gap',
        parts: [
          some('to approve', view?.figures['waiting']),
          some('no receipt', view?.figures['unacknowledged']),
          some('missing', missing),
        ],
        ...(view === undefined ? {} : { table: anyTable(view) }),
        nameOf: (row) => (row as CrossingRow).space,
        open: (row) => {
          const { way, space } = row as CrossingRow;
          // Of what came in, this space itself has signed the receipts.
          const subject = way === 'in' ? get(SOURCES.status).data?.name : space;
          return subject === undefined ? undefined : { screen: 'receipts', subject };
        },
        below: (row) => [
          ...(row === undefined ? [] : [[ofRow(row as CrossingRow)]]),
          [{ id: 'receipts', make: (room) => receiptsPanel(receipts, room) }],
        ],
        command: 'odcm gap ledger',
      };
    },
  };
}

const some = (what: string, count: unknown): string =>
  typeof count === 'number' && count > 0 ? `${what} ${count}` : '';

export function createReceiptsScreen(): Screen {
  // All are of one space, which stands above them.
  const table = remember((answer: Answer<ReceiptRow>) => {
    const view = receiptsView(answer);
    return { ...view, columns: view.columns.filter(({ key }) => key !== 'space') };
  });
  return {
    id: 'receipts',
    title: 'Receipts',
    sources: (_, { subject = '' }) => [receiptsOf(subject)],
    content: ({ get, place: { subject = '' } }) => {
      const answer = get(receiptsOf(subject)).data;
      const view = answer === undefined ? undefined : table(answer);
      return {
        crumb: `Air gap › Receipts of ${subject}`,
        parts: [some('missing', view?.figures['missing'])],
        ...(view === undefined ? {} : { table: anyTable(view) }),
        nameOf: (row) => `${(row as ReceiptRow).space} ${(row as ReceiptRow).index}`,
        command: `odcm receipts list ${shellWord(subject)}`,
      };
    },
  };
}
