// The overview as text, for where the dashboard cannot be shown.

import { ask } from '../ask.ts';
import type { Invocation } from '../command-context.ts';
import { overviewPanels } from '../views/overview.ts';
import { pageText } from '../views/page.ts';

const TEXT_COLUMNS = 98;

export async function printOverview(invocation: Invocation): Promise<void> {
  const { context, output, terminal } = invocation;
  const overview = await ask(invocation, 'overview');
  const room = {
    columns: terminal.maxColumns ?? TEXT_COLUMNS,
    ascii: terminal.ascii,
    nowMs: context.now(),
  };
  const { colour, maxColumns } = terminal;
  await output.write(pageText(overviewPanels(overview, room), { colour, maxColumns }));
}
