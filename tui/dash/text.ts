// The overview as text, for where the dashboard cannot be shown: just what `odcm overview` prints.

import { ask } from '../ask.ts';
import type { Invocation } from '../command-context.ts';
import { renderReport } from '../format/report.ts';
import { overviewReport } from '../views/overview-report.ts';

export async function printOverview(invocation: Invocation): Promise<void> {
  const { context, output, terminal } = invocation;
  const overview = await ask(invocation, 'overview');
  const nowMs = context.now();
  await output.write(
    renderReport(overviewReport(overview), { format: 'text', nowMs, ...terminal }),
  );
}
