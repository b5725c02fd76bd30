// What a row of the attack catalogue is. A row attacks the product, measures what came of it, and says whether that is what
// the catalogue promises. Each file in rows/ exports `rows`; the runner finds them by itself.

/** What the attack is made against: many nodes in one process on virtual time, real processes on loopback, bytes from tables, random bytes. */
export type How = 'simulated' | 'processes' | 'vectors' | 'fuzz';

/** How large a run is. The quick and the long run are the same code with other numbers. */
export interface Size {
  readonly isLong: boolean;
  /** Seeds of a simulation, or as many repetitions of a random scenario. */
  readonly seeds: number;
  /** Inputs of a fuzzer or of a property. */
  readonly mutations: number;
  /** SIGKILLs for each named crash point. */
  readonly kills: number;
  /** An empty folder of this row's own, which the runner removes afterwards. */
  readonly folder: string;
  /** One line about what goes on, for whoever watches; never anything secret. */
  readonly log: (line: string) => void;
}

export interface Outcome {
  /** What was counted or timed, in few words: `0 of 2000 accepted`, `p99 41 ms`. */
  readonly measured: string;
  readonly pass: boolean;
}

export interface RunRow {
  /** As in catalogue.ts. Several rows may have one id: it has passed when all of them have. */
  readonly id: string;
  /** The attack in one line, as this row makes it. */
  readonly what: string;
  readonly how: How;
  /** What must come of it, with the figure: `0 deliveries`, `p99 <= 5 s`. */
  readonly expected: string;
  /** Why it takes too long for the quick run (more than about 3 s); it then counts as not passed there. */
  readonly onlyLong?: string;
  /** Throwing is failing. Everything that it started has ended when it resolves. */
  readonly run: (size: Size) => Promise<Outcome>;
}

/** An attack that cannot be made here, and why. It is never counted as passed. */
export interface AbsentRow {
  readonly id: string;
  readonly what: string;
  readonly how: How;
  readonly expected: string;
  readonly notHere: string;
}

export type Row = RunRow | AbsentRow;

export const isAbsent = (row: Row): row is AbsentRow => 'notHere' in row;

/** How many seeds a row runs that takes no more than so many, and how the result tells of it. */
export function seedsUpTo(most: number, { seeds }: Pick<Size, 'seeds'>) {
  const count = Math.min(seeds, most);
  return { count, told: count < seeds ? `${count} seeds (never more)` : `${count} seeds` };
}
