// One thread of a campaign: a seed comes in, its verdict goes out.

import { parentPort } from 'node:worker_threads';
import { runSeed } from './nemesis.ts';

parentPort!.on('message', (seed: number) => {
  void runSeed(seed).then((verdict) => parentPort!.postMessage(verdict));
});
