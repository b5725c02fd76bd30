// Opens a store in a process of its own, writes one durable row, says so, and stays until it is killed.
// Arguments: folder.

import { openLevelStore } from '../../../node/store/level.ts';

const store = await openLevelStore(process.argv[2]!);
for (let i = 0; i < 50; i++) {
  const key = Buffer.from(`row ${i}`);
  await store.write([{ type: 'put', key, value: Buffer.from(`value ${i}`) }], { sync: true });
}
process.stdout.write('written\n');
setInterval(() => {}, 1000);
