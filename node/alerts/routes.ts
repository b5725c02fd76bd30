// All ways out: opened as the configuration says, told of every message as far as it is urgent enough for them.

import { join } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';
import type { Clock, Random, Timers } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Group } from './memory.ts';
import { buildMessage, type Origin, testMessage } from './message.ts';
import { MessageQueue } from './queue.ts';
import { AlertRoute, type RouteState } from './route.ts';
import type { RouteSettings } from './route-settings.ts';
import type { Send } from './sender.ts';

export interface RoutesOptions {
  /** Folder of the queues. */
  readonly dir: string;
  readonly mesh: string;
  readonly from: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

export class AlertRoutes {
  readonly #o: RoutesOptions;
  #routes: AlertRoute[] = [];

  constructor(options: RoutesOptions) {
    this.#o = options;
  }

  /** Takes these routes in place of those before; what waits for a route that stays waits on. */
  async use(all: readonly RouteSettings[]): Promise<void> {
    await this.stop();
    const { dir, clock, timers, random, log } = this.#o;
    for (const settings of all) {
      const queue = await MessageQueue.open(join(dir, settings.name), log);
      const send = await this.#sender(settings);
      this.#routes.push(new AlertRoute({ settings, queue, send, clock, timers, random, log }));
    }
    for (const route of this.#routes) route.start();
  }

  /** The libraries are loaded only where they are used. */
  async #sender(settings: RouteSettings): Promise<Send> {
    const { env, clock } = this.#o;
    if (settings.kind === 'smtp') {
      const { createSmtpSender } = await import('./smtp.ts');
      return createSmtpSender(settings, env);
    }
    const { createWebhookSender } = await import('./webhook.ts');
    return createWebhookSender(settings, { env, nowMs: () => clock.nowMs() });
  }

  get states(): RouteState[] {
    return this.#routes.map(({ state }) => state);
  }

  #origin(id: string, atMs: number): Origin {
    const { mesh, from } = this.#o;
    return { id, mesh, from, atMs };
  }

  /** Resolves when every route has the message on the disk. */
  async tell(group: Group): Promise<void> {
    const origin = this.#origin(group.id, group.sinceMs);
    for (const route of this.#routes) {
      const message = buildMessage(origin, group.told, route.settings.minLevel);
      if (message) await route.take(message);
    }
  }

  async test(name: string | undefined): Promise<RouteState[]> {
    const wanted = this.#routes.filter(({ settings }) => !name || settings.name === name);
    if (name !== undefined && wanted.length === 0) {
      throw new MeshError('USAGE', `there is no alert route ${JSON.stringify(name)}`, {
        next: 'See the routes with: odcm alerts routes',
      });
    }
    const { clock, random } = this.#o;
    const id = Buffer.from(random.bytes(12)).toString('hex');
    const message = testMessage(this.#origin(id, clock.nowMs()));
    return Promise.all(wanted.map((route) => route.test(message)));
  }

  async idle(): Promise<void> {
    await Promise.all(this.#routes.map((route) => route.idle()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#routes.map((route) => route.stop()));
    this.#routes = [];
  }
}
