// A process of its own that takes the lock of a folder and keeps it until it is killed.

import { lockHome } from '../../../node/home/lock.ts';

const [dir = ''] = process.argv.slice(2);
await lockHome(dir);
process.stdout.write('locked\n');
setInterval(() => {}, 60_000);
