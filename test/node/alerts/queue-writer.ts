// Fills a queue, and no more: nothing is given up in it. Says of each message that it is durable; whoever started it kills it.

import { testMessage } from '../../../node/alerts/message.ts';
import { MessageQueue } from '../../../node/alerts/queue.ts';
import { silentLog } from '../../../node/log.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const queue = await MessageQueue.open(process.argv[2]!, silentLog);
for (let n = 1; n <= LIMITS.alertsQueued; n += 1) {
  const id = n.toString(16).padStart(12, '0');
  await queue.add(testMessage({ id, mesh: 'acme', from: 'library', atMs: 1_700_000_000_000 + n }));
  process.send?.(n);
}
