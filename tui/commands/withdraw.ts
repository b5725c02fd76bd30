// `odcm withdraw FEED ITEM…`: takes items back; their entries stay in the log.

import type { RouteResult } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import { parseItemName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { askRows } from '../ask.ts';
import { invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { FEED_HELP } from './arguments.ts';

type Withdrawn = RouteResult<'withdraw'>;

export const register: Register = (program, context) => {
  program
    .command('withdraw')
    .helpGroup(GROUPS.feeds)
    .description('take items back')
    .argument('<feed>', FEED_HELP)
    .argument('<items...>', 'names of items')
    .action(async (feed: string, names: string[], _options, self) => {
      const invocation = invoke(self, context);
      const items = [...new Set(names.map(parseItemName))];
      if (items.length > LIMITS.batchEntries) {
        throw new MeshError('USAGE', `${items.length} items are too many for one batch`, {
          next: `Withdraw at most ${LIMITS.batchEntries} at once.`,
        });
      }
      const { rows } = await askRows(invocation, 'withdraw', { query: { feed }, body: { items } });
      const withdrawn = rows.filter((row) => row.status === 'withdrawn').length;
      await showResult(invocation, {
        sentence: `withdrawn ${withdrawn}, unchanged ${rows.length - withdrawn}`,
        title: 'items',
        columns: plainColumns<Withdrawn>('item', 'status', 'version', 'index'),
        rows,
      });
    });
};
