// A node as a process: everything started in order, one line when it is ready, everything stopped in reverse.

import { resolve } from 'node:path';
import { AlertWatch } from './alerts/watch.ts';
import { systemClock, systemRandom, systemTimers } from './clock.ts';
import { AlertFacts } from './control/alert-facts.ts';
import { startControlServer } from './control/server.ts';
import type { Home } from './home/home.ts';
import { createJsonLog, type LogLevel } from './log.ts';
import type { MetricsServer } from './metrics/server.ts';
import { MeshNode } from './node.ts';
import { OdcmDesk } from './odcm.ts';
import { type Inbox, startInbox } from './reports/inbox.ts';
import { intakeOf } from './reports/intake.ts';
import { Upkeep } from './rotate/upkeep.ts';

export interface RunOptions {
  readonly home: Home;
  readonly flags: {
    readonly listen?: string[];
    readonly peer?: string[];
    readonly inbox?: string;
    readonly carryQuota?: number;
    readonly metrics?: string;
    readonly metricsOpen?: boolean;
    readonly directoryLimit?: number;
    readonly acceptClock?: boolean;
    readonly offline?: boolean;
    readonly alone?: boolean;
  };
  readonly logPath: string | undefined;
  readonly level: LogLevel;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** `again`: it is to be run once more, to go by the newest key. */
export async function runNode({
  home,
  flags,
  logPath,
  level,
  say,
  signal,
}: RunOptions): Promise<'stopped' | 'again'> {
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
    ...(flags.carryQuota === undefined ? {} : { carryBytes: flags.carryQuota }),
    ...(flags.directoryLimit ? { directoryLimitMs: flags.directoryLimit } : {}),
    ...(flags.acceptClock ? { acceptClock: true } : {}),
    ...(flags.offline ? { isOffline: true } : {}),
    ...(flags.alone ? { isAlone: true } : {}),
  });
  try {
    if (home.isOdcm) node.odcm = await OdcmDesk.open(node, system);
    await node.start();
    await node.odcm?.start();
    node.alerts = await watchOver(node, say);
    const control = await startControlServer(node);
    let metrics: MetricsServer | undefined;
    let inbox: Inbox | undefined;
    const upkeep = new Upkeep(node, systemTimers);
    try {
      inbox = await startInboxOf(node, flags.inbox);
      metrics = await startMetricsOf(node, flags);
      log.info({ peerId: node.host.peerId, addresses: node.addresses() }, 'ready');
      const role = home.isOdcm
        ? `ODCM of mesh ${home.config.meshName}`
        : `a space of mesh ${home.config.meshName}`;
      const where = flags.offline ? 'its folder alone, offline' : node.addresses().join(' ');
      say(`odcm: ${home.config.name}, ${role}, is ready at ${where}`);
      upkeep.start();
      await Promise.race([aborted(signal), upkeep.isDue]);
      if (!signal.aborted) say('odcm: starting again, with the newest key of the space');
      else say('odcm: stopping');
    } finally {
      await upkeep.stop();
      await inbox?.stop();
      await metrics?.stop();
      await control.stop();
    }
  } finally {
    await node.alerts?.stop();
    await node.stop();
    log.info({}, 'stopped');
    log.close();
  }
  return signal.aborted ? 'stopped' : 'again';
}

/** A configuration that cannot be read stops no node: it is said here, and is the first alert. */
async function watchOver(node: MeshNode, say: (line: string) => void): Promise<AlertWatch> {
  const { home, log } = node;
  const facts = new AlertFacts(node);
  const watch = await AlertWatch.open({
    ...{ home: home.dir, mesh: home.config.meshName, name: home.config.name, log },
    ...{ clock: systemClock, timers: systemTimers, random: systemRandom, env: process.env },
    gather: (settings) => facts.gather(settings),
  });
  if (watch.problem !== null) {
    say(`odcm: alerts.json is not in force: ${watch.problem}. Look with: odcm alerts check`);
  }
  await watch.start();
  return watch;
}

async function startMetricsOf(
  node: MeshNode,
  { metrics, metricsOpen = false }: RunOptions['flags'],
): Promise<MetricsServer | undefined> {
  if (metrics === undefined) return undefined;
  // Loaded only where it is asked for.
  const { startMetrics } = await import('./metrics/server.ts');
  return startMetrics(node, { address: metrics, isOpen: metricsOpen });
}

/** The folder of the command line counts from where it was typed, the one of the configuration from the node's folder. */
async function startInboxOf(node: MeshNode, flag: string | undefined): Promise<Inbox | undefined> {
  const { dir, config } = node.home;
  const folder = flag === undefined ? config.inbox && resolve(dir, config.inbox) : resolve(flag);
  if (folder === undefined) return undefined;
  const { log } = node;
  return startInbox({ folder, intake: intakeOf(node), timers: systemTimers, log });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}
