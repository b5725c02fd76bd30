// The watch over a node: every few seconds it gathers the facts, judges them, and tells what began and what ended. What
// is remembered is on the disk before anybody is told.

import { join } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, Random, TimerHandle, Timers } from '../clock.ts';
import type { Log } from '../log.ts';
import { Turn } from '../turn.ts';
import { type Alert, AlertEngine, type Change } from './engine.ts';
import type { Facts } from './facts.ts';
import { type Group, readMemory, writeMemory } from './memory.ts';
import type { Told } from './message.ts';
import type { RouteState } from './route.ts';
import { AlertRoutes } from './routes.ts';
import { isAtLeast, judge } from './rules.ts';
import type { AlertSettings, SettingsProblem } from './settings.ts';
import { checkSettingsFile, SettingsFile } from './settings-file.ts';
import { type Silence, Silences } from './silences.ts';

export type GatheredFacts = Omit<Facts, 'routes' | 'configurationProblem'>;

export interface AlertWatchOptions {
  /** Folder of the node. */
  readonly home: string;
  readonly mesh: string;
  readonly name: string;
  /** What is known of the node and its mesh; the watch adds what it knows of itself. */
  readonly gather: (settings: AlertSettings) => Promise<GatheredFacts>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

export interface AlertView extends Alert {
  readonly state: 'open' | 'acked' | 'silenced' | 'closed';
  readonly bell: boolean;
}

export class AlertWatch {
  readonly #o: AlertWatchOptions;
  readonly #engine = new AlertEngine();
  readonly #silences = new Silences();
  readonly #routes: AlertRoutes;
  readonly #file: SettingsFile;
  readonly #statePath: string;
  /** Looks and changes by hand take turns. */
  readonly #turn = new Turn();
  #group: Group | null = null;
  #isSaved = true;
  #failure: string | null = null;
  #timer: TimerHandle | undefined;
  #isStopped = false;

  private constructor(options: AlertWatchOptions) {
    this.#o = options;
    const { home, mesh, name, env, clock, timers, random, log } = options;
    this.#statePath = join(home, 'alerts', 'state.json');
    this.#file = new SettingsFile({
      path: join(home, 'alerts.json'),
      copy: join(home, 'alerts', 'settings.json'),
      log,
    });
    this.#routes = new AlertRoutes({
      ...{ dir: join(home, 'alerts', 'queue'), mesh, from: name },
      ...{ env, clock, timers, random, log },
    });
  }

  static async open(options: AlertWatchOptions): Promise<AlertWatch> {
    const watch = new AlertWatch(options);
    await watch.#file.refresh();
    const memory = await readMemory(watch.#statePath, options.log);
    watch.#engine.restore(memory.alerts);
    watch.#silences.restore(memory.silences);
    watch.#group = memory.group;
    return watch;
  }

  /** Why alerts.json is not in force; null when it is. */
  get problem(): string | null {
    return this.#file.problem;
  }

  async start(): Promise<void> {
    await this.#routes.use(this.#file.settings.routes);
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    await this.#turn.idle();
    await this.#routes.stop();
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#o.timers.setTimeout(() => {
      this.look()
        .then(
          () => this.#noteFailure(null),
          (error: unknown) => this.#noteFailure(String(error)),
        )
        .finally(() => this.#schedule());
    }, LIMITS.alertLookMs);
  }

  /** One line when it begins and one when it is over, not one every few seconds. */
  #noteFailure(reason: string | null): void {
    const before = this.#failure;
    this.#failure = reason;
    if ((before === null) === (reason === null)) return;
    if (reason === null) this.#o.log.info({}, 'the alerts are looked at again');
    else this.#o.log.error({ reason }, 'the alerts could not be looked at');
  }

  /** One round: facts, judgement, messages. */
  look(): Promise<void> {
    return this.#turn.take(async () => {
      if (await this.#file.refresh()) await this.#routes.use(this.#file.settings.routes);
      const settings = this.#file.settings;
      const gathered = await this.#o.gather(settings);
      const nowMs = this.#o.clock.nowMs();
      const facts: Facts = {
        ...gathered,
        routes: this.#routes.states,
        configurationProblem: this.#file.problem,
      };
      const changes = this.#engine.look(judge(facts, settings), settings, nowMs);
      for (const change of changes) this.#log(change);
      this.#collect(changes, nowMs);
      if (changes.length > 0) this.#isSaved = false;
      await this.#save();
      await this.#tellDue(settings, nowMs);
    });
  }

  #log({ kind, alert }: Change): void {
    const { id, rule, subject, level, what } = alert;
    const detail = { alert: id, rule, subject, level, what };
    if (kind === 'closed') this.#o.log.info(detail, 'alert is over');
    else this.#o.log.warn(detail, kind === 'opened' ? 'alert' : 'alert is worse');
  }

  /** Puts into the next message what nobody was told yet; what is silent waits until it is not. */
  #collect(changes: readonly Change[], nowMs: number): void {
    const told: Told[] = [];
    for (const alert of this.#engine.open) {
      const isNew = alert.told === null;
      const isWorse = alert.told !== null && !isAtLeast(alert.told, alert.level);
      if (alert.ack || (!isNew && !isWorse) || this.#silences.isSilent(alert, nowMs)) continue;
      told.push(toldOf(alert, isNew ? 'raised' : 'worse', nowMs));
      this.#engine.markTold(alert);
    }
    for (const { kind, alert } of changes) {
      // What nobody heard of needs no all-clear.
      if (kind === 'closed' && alert.told !== null) told.push(toldOf(alert, 'recovered', nowMs));
    }
    if (told.length === 0) return;
    const id = Buffer.from(this.#o.random.bytes(12)).toString('hex');
    const group = this.#group ?? { id, sinceMs: nowMs, told: [] };
    this.#group = { ...group, told: [...group.told, ...told] };
    this.#isSaved = false;
  }

  async #save(): Promise<void> {
    if (this.#isSaved) return;
    const silences = this.#silences.list(this.#o.clock.nowMs());
    await writeMemory(this.#statePath, {
      alerts: this.#engine.all,
      silences,
      group: this.#group,
    });
    this.#isSaved = true;
  }

  /** A crash between the two steps adds the same message under the same id once more. */
  async #tellDue(settings: AlertSettings, nowMs: number): Promise<void> {
    const group = this.#group;
    if (!group || nowMs - group.sinceMs < settings.groupMs) return;
    await this.#routes.tell(group);
    this.#group = null;
    this.#isSaved = false;
    await this.#save();
  }

  // For the control API

  list(state: 'open' | 'all'): AlertView[] {
    const nowMs = this.#o.clock.nowMs();
    const all = state === 'all' ? this.#engine.all : this.#engine.open;
    return all.map((alert) => this.#view(alert, nowMs)).sort(byUrgency);
  }

  #view(alert: Alert, nowMs: number): AlertView {
    const isSilent = this.#silences.isSilent(alert, nowMs);
    const state =
      alert.closedMs !== null ? 'closed' : alert.ack ? 'acked' : isSilent ? 'silenced' : 'open';
    const { bell } = this.#file.settings;
    return {
      ...alert,
      state,
      bell: state === 'open' && bell !== 'off' && isAtLeast(alert.level, bell),
    };
  }

  acknowledge(id: string, by: string, why: string): Promise<AlertView> {
    return this.#turn.take(async () => {
      const alert = this.#engine.find(id);
      if (!alert) throw new MeshError('ALERT_UNKNOWN', `there is no alert ${JSON.stringify(id)}`);
      const nowMs = this.#o.clock.nowMs();
      if (alert.closedMs !== null) return this.#view(alert, nowMs);
      const acked = this.#engine.acknowledge(alert, by, why, nowMs);
      this.#o.log.info({ alert: id, by, why }, 'alert acknowledged');
      await this.#saveNow();
      return this.#view(acked, nowMs);
    });
  }

  get silences(): readonly Silence[] {
    return this.#silences.list(this.#o.clock.nowMs());
  }

  silence(wanted: Omit<Silence, 'id' | 'sinceMs'>): Promise<Silence> {
    return this.#turn.take(async () => {
      const added = this.#silences.add(wanted, this.#o.clock.nowMs());
      this.#o.log.info({ ...added }, 'alerts silenced');
      await this.#saveNow();
      return added;
    });
  }

  unsilence(id: string): Promise<Silence> {
    return this.#turn.take(async () => {
      const removed = this.#silences.remove(id, this.#o.clock.nowMs());
      this.#o.log.info({ ...removed }, 'silence ended');
      await this.#saveNow();
      return removed;
    });
  }

  async #saveNow(): Promise<void> {
    this.#isSaved = false;
    await this.#save();
  }

  get routes(): RouteState[] {
    return this.#routes.states;
  }

  /** Resolves when nothing is being sent. */
  idle(): Promise<void> {
    return this.#routes.idle();
  }

  testRoutes(name: string | undefined): Promise<RouteState[]> {
    return this.#routes.test(name);
  }

  /** What is wrong with alerts.json as it lies there now. */
  async check(): Promise<readonly SettingsProblem[]> {
    return (await checkSettingsFile(this.#file.path)).problems;
  }
}

const toldOf = (alert: Alert, kind: Told['kind'], nowMs: number): Told => {
  const { id, rule, level, subject, what, sinceMs } = alert;
  return { alert: id, kind, rule, level, subject, what, sinceMs, atMs: nowMs };
};

function byUrgency(a: AlertView, b: AlertView): number {
  const closed = Number(a.closedMs !== null) - Number(b.closedMs !== null);
  if (closed !== 0) return closed;
  if (a.level !== b.level) return isAtLeast(a.level, b.level) ? -1 : 1;
  return b.sinceMs - a.sinceMs;
}
