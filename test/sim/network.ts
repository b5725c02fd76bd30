// The lines between simulated hosts and their weather: delay, loss, duplication, cuts in one or both directions, slow
// lines. Seeded: the same seed gives the same weather. Watches what passes, so that checks can ask who saw what.

import { createHash } from 'node:crypto';
import type { SimHost } from './host.ts';
import type { Way } from './stream.ts';
import type { Dice, SimTime } from './time.ts';

export interface Weather {
  readonly delayMs: readonly [number, number];
  /** Of gossip; streams are never without a piece, they break. */
  readonly loss: number;
  readonly duplicates: number;
}

export const CALM: Weather = { delayMs: [1, 40], loss: 0, duplicates: 0 };

/** A connection whose line is cut ends after this long, on both sides. */
const NOTICED_MS: readonly [number, number] = [3_000, 20_000];
/** What a line carries, unless it is slow. */
const FAST_BYTES_PER_MS = 10_000;

export class SimNetwork {
  weather: Weather = CALM;
  readonly time: SimTime;
  readonly dice: Dice;
  /** Hosts that run, by address. */
  readonly #hosts = new Map<string, SimHost>();
  readonly #cuts = new Set<string>();
  readonly #slow = new Map<string, number>();
  readonly #links = new Set<Link>();
  /** Of each key in the simulated DHT, who said that it holds it. */
  readonly providers = new Map<string, Set<string>>();
  readonly #history = createHash('sha256');
  #events = 0;
  /** Every frame and message when it arrives, with the name of the host that gets it. */
  onDelivered: (name: string, bytes: Uint8Array) => void = () => {};
  /** Topics of which every message is lost. */
  loses: (topic: string) => boolean = () => false;
  /** Gossip that a host refused as provably false, with the names of both. */
  onRejected: (by: string, from: string, topic: string) => void = () => {};

  constructor(time: SimTime, dice: Dice) {
    this.time = time;
    this.dice = dice;
  }

  attach(host: SimHost): void {
    this.#hosts.set(host.address, host);
  }

  detach(host: SimHost): void {
    if (this.#hosts.get(host.address) === host) this.#hosts.delete(host.address);
  }

  at(address: string): SimHost | undefined {
    return this.#hosts.get(address);
  }

  /** What has happened so far, as one short text: two runs of one seed have the same. */
  fingerprint(): string {
    return `${this.#events} ${this.#history.copy().digest('hex').slice(0, 16)}`;
  }

  record(what: string): void {
    this.#events++;
    this.#history.update(`${this.time.nowMs()} ${what}\n`);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Nothing comes from one to the other any more; the other direction stays. */
  cut(from: string, to: string): void {
    this.record(`cut ${from}>${to}`);
    this.#cuts.add(`${from}>${to}`);
    for (const link of this.#links) {
      if (!link.joins(from, to)) continue;
      this.time.setTimeout(() => {
        if (this.isCut(from, to)) link.end();
      }, this.dice.between(NOTICED_MS));
    }
  }

  /** Splits hosts into groups that do not hear each other. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const [i, group] of groups.entries())
      for (const [j, other] of groups.entries())
        if (i !== j) for (const from of group) for (const to of other) this.cut(from, to);
  }

  slow(name: string, bytesPerMs: number): void {
    this.record(`slow ${name}`);
    this.#slow.set(name, bytesPerMs);
  }

  /** Every line as good as new. */
  heal(): void {
    this.record('heal');
    this.#cuts.clear();
    this.#slow.clear();
    this.weather = CALM;
  }

  #delayMs(from: string, to: string, sizeBytes: number): number {
    const rate = Math.min(...[from, to].map((name) => this.#slow.get(name) ?? FAST_BYTES_PER_MS));
    return this.dice.between(this.weather.delayMs) + sizeBytes / rate;
  }

  way(from: string, to: string): Way {
    return {
      delayMs: (sizeBytes) => this.#delayMs(from, to, sizeBytes),
      isCut: () => this.isCut(from, to),
      onDelivered: (bytes) => {
        this.record(`${from}>${to} ${bytes.length}`);
        this.onDelivered(to, bytes);
      },
    };
  }

  /** A message of gossip on its way: late, never, or twice. */
  carry(
    link: Link,
    from: SimHost,
    { topic, bytes }: { topic: string; bytes: Uint8Array },
    arrive: (bytes: Uint8Array) => void,
  ): void {
    const to = link.far(from);
    const copies = this.dice.chance(this.weather.duplicates) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.loses(topic) || this.dice.chance(this.weather.loss)) continue;
      this.time.setTimeout(
        () => {
          if (!link.isOpen || this.isCut(from.name, to.name)) return;
          this.record(`${from.name}~${to.name} ${bytes.length}`);
          this.onDelivered(to.name, bytes);
          arrive(Buffer.from(bytes));
        },
        this.#delayMs(from.name, to.name, bytes.length),
      );
    }
  }

  connect(from: SimHost, to: SimHost): void {
    this.record(`connect ${from.name} ${to.name}`);
    const link: Link = new Link(from, to, () => this.#links.delete(link));
    this.#links.add(link);
    from.joined(to, link);
    to.joined(from, link);
  }
}

/** A connection. */
export class Link {
  isOpen = true;
  readonly #a: SimHost;
  readonly #b: SimHost;
  readonly #onEnd: () => void;

  constructor(a: SimHost, b: SimHost, onEnd: () => void) {
    this.#a = a;
    this.#b = b;
    this.#onEnd = onEnd;
  }

  far(near: SimHost): SimHost {
    return near === this.#a ? this.#b : this.#a;
  }

  joins(one: string, other: string): boolean {
    const names = [this.#a.name, this.#b.name];
    return names.includes(one) && names.includes(other);
  }

  end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#onEnd();
    this.#a.left(this.#b, this);
    this.#b.left(this.#a, this);
  }
}
