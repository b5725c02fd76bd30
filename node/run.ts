// A node as a process: everything started in order, one line when it is ready, everything stopped in reverse.

import { systemClock, systemRandom, systemTimers } from './clock.ts';
import { startControlServer } from './control/server.ts';
import type { Home } from './home/home.ts';
import { createJsonLog, type LogLevel } from './log.ts';
import { MeshNode } from './node.ts';
import { OdcmDesk } from './odcm.ts';

export interface RunOptions {
  readonly home: Home;
  readonly flags: { readonly listen?: string[]; readonly peer?: string[] };
  readonly logPath: string | undefined;
  readonly level: LogLevel;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function runNode({
  home,
  flags,
  logPath,
  level,
  say,
  signal,
}: RunOptions): Promise<void> {
  const system = { clock: systemClock, timers: systemTimers, random: systemRandom };
  const base = { space: home.config.name };
  const log = createJsonLog({ level, base, ...(logPath === undefined ? {} : { path: logPath }) });
  if (home.isRootExpired(system.clock.nowMs())) {
    say(
      'odcm: ROOT_EXPIRED: the root metadata has expired. The keepers of the root keys must sign a new version.',
    );
  }
  const { listen, peer: peers } = flags;
  const node = await MeshNode.create({
    ...system,
    home,
    log,
    ...(listen ? { listen } : {}),
    ...(peers ? { peers } : {}),
  });
  try {
    if (home.isOdcm) node.odcm = await OdcmDesk.open(node, system);
    await node.start();
    await node.odcm?.start();
    const control = await startControlServer(node);
    try {
      log.info({ peerId: node.host.peerId, addresses: node.addresses() }, 'ready');
      const role = home.isOdcm
        ? `ODCM of mesh ${home.config.meshName}`
        : `a space of mesh ${home.config.meshName}`;
      say(`odcm: ${home.config.name}, ${role}, is ready at ${node.addresses().join(' ')}`);
      await aborted(signal);
      say('odcm: stopping');
    } finally {
      await control.stop();
    }
  } finally {
    await node.stop();
    log.info({}, 'stopped');
    log.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}
