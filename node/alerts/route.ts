// One way out: takes messages into its queue and sends them in order, again and again with growing pauses until the
// other side has them. Says whether it works.

import { LIMITS } from '../../protocols/limits.ts';
import {
  type Clock,
  fraction,
  type Random,
  type TimerHandle,
  type Timers,
  withDeadline,
} from '../clock.ts';
import type { Log } from '../log.ts';
import type { Message } from './message.ts';
import type { MessageQueue } from './queue.ts';
import { faultLine } from './route-fault.ts';
import type { RouteSettings } from './route-settings.ts';
import { withoutSecrets } from './secret.ts';
import type { Attempt, Send } from './sender.ts';

export interface RouteOptions {
  readonly settings: RouteSettings;
  readonly queue: MessageQueue;
  readonly send: Send;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

export interface RouteState {
  readonly name: string;
  readonly kind: RouteSettings['kind'];
  readonly state: 'ok' | 'failing' | 'untried';
  readonly sinceMs: number;
  readonly lastError: string | null;
  readonly queued: number;
  readonly dropped: number;
}

export class AlertRoute {
  readonly #o: RouteOptions;
  readonly #stopped = new AbortController();
  #state: RouteState['state'] = 'untried';
  #sinceMs: number;
  #lastError: string | null = null;
  #failures = 0;
  #timer: TimerHandle | undefined;
  #sending: Promise<void> | undefined;

  constructor(options: RouteOptions) {
    this.#o = options;
    this.#sinceMs = options.clock.nowMs();
  }

  get settings(): RouteSettings {
    return this.#o.settings;
  }

  get state(): RouteState {
    const { settings, queue } = this.#o;
    return {
      ...{ name: settings.name, kind: settings.kind, state: this.#state, sinceMs: this.#sinceMs },
      ...{ lastError: this.#lastError, queued: queue.size, dropped: queue.dropped },
    };
  }

  /** Sends what the process before this one left. */
  start(): void {
    if (this.#o.queue.size > 0) this.#go();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    await this.#sending;
  }

  /** Resolves when nothing is being sent; what failed waits for its next time. */
  async idle(): Promise<void> {
    while (this.#sending) await this.#sending;
  }

  /** The message is durable when it resolves. */
  async take(message: Message): Promise<void> {
    await this.#o.queue.add(message);
    // While the route fails its own pause decides: a storm of messages is no reason to try more often.
    if (this.#timer === undefined) this.#go();
  }

  /** Sends a message at once, beside the queue, to see whether the route works. */
  async test(message: Message): Promise<RouteState> {
    await this.#attempt(message);
    if (this.#state === 'ok') this.#hurry();
    return this.state;
  }

  #hurry(): void {
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#go();
  }

  #go(): void {
    if (this.#sending || this.#stopped.signal.aborted) return;
    this.#sending = this.#drain()
      .catch((error: unknown) => this.#note(faultLine(error, this.#o.settings)))
      .finally(() => {
        this.#sending = undefined;
        if (this.#o.queue.size > 0) this.#goLater();
      });
  }

  async #drain(): Promise<void> {
    const { queue, clock } = this.#o;
    while (!this.#stopped.signal.aborted) {
      const message = await queue.first(clock.nowMs());
      if (!message || !(await this.#attempt(message))) return;
      await queue.done(message);
    }
  }

  #goLater(): void {
    if (this.#timer !== undefined || this.#stopped.signal.aborted) return;
    const { alertRetryMinMs: minMs, alertRetryMaxMs: maxMs } = LIMITS;
    const baseMs = Math.min(maxMs, minMs * 2 ** Math.min(this.#failures - 1, 20));
    const delayMs = Math.max(minMs, baseMs) * (0.75 + 0.5 * fraction(this.#o.random));
    this.#timer = this.#o.timers.setTimeout(() => {
      this.#timer = undefined;
      this.#go();
    }, delayMs);
  }

  /** True when the other side has the message. */
  async #attempt(message: Message): Promise<boolean> {
    const secrets: string[] = [];
    const { timers, send, settings } = this.#o;
    try {
      const problem = await withDeadline(
        timers,
        LIMITS.alertSendTimeoutMs,
        this.#stopped.signal,
        (signal) => unlessAborted(send, message, { signal, secrets }),
      );
      this.#note(problem === null ? null : withoutSecrets(problem, secrets));
      return true;
    } catch (error) {
      if (!this.#stopped.signal.aborted)
        this.#note(withoutSecrets(faultLine(error, settings), secrets));
      return false;
    }
  }

  /** One line in the log for each change, none for each attempt. */
  #note(problem: string | null): void {
    const { clock, log, settings } = this.#o;
    const state = problem === null ? 'ok' : 'failing';
    this.#failures = problem === null ? 0 : this.#failures + 1;
    this.#lastError = problem ?? this.#lastError;
    if (state === this.#state) return;
    this.#state = state;
    this.#sinceMs = clock.nowMs();
    const { name } = settings;
    if (problem === null) log.info({ route: name }, 'alert route works');
    else log.warn({ route: name, reason: problem }, 'alert route fails');
  }
}

/** A way of sending that does not listen to its signal holds nothing up. */
async function unlessAborted(
  send: Send,
  message: Message,
  attempt: Attempt,
): Promise<string | null> {
  const { signal } = attempt;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () =>
      reject(signal.reason instanceof Error ? signal.reason : new Error('it took too long'));
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([send(message, attempt), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
