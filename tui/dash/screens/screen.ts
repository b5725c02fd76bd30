// What a screen is: which questions it needs answered, and from the answers one list, panels above and below it, and
// where its rows lead. Drawing, keys and the way to the node are not its business.

import type { FeedSamples } from '../../views/samples.ts';
import type { Panel, Room, TableView } from '../../views/table.ts';
import type { Source, StreamSource } from '../sources.ts';
import type { Place, ScreenId, State } from '../state.ts';
import type { Fact } from '../store.ts';
import type { Tail } from '../tail.ts';

export interface ScreenInput {
  readonly state: State;
  readonly place: Place;
  readonly nowMs: number;
  readonly get: <T>(source: Source<T>) => Fact<T>;
  readonly tail: Tail;
  readonly samples: FeedSamples;
}

/** A panel knows its room only when it is drawn. */
export interface ShownPanel {
  readonly id: string;
  readonly make: (room: Room) => Panel;
  /** Where enter leads when the panel has the focus. */
  readonly opens?: Place;
}

export interface Content {
  readonly crumb: string;
  /** Short facts after the crumb. */
  readonly parts: readonly string[];
  readonly table?: TableView;
  /** What the star of a row hangs on, and what is copied of it. */
  readonly nameOf?: (row: object) => string;
  readonly open?: (row: object) => Place | undefined;
  readonly above?: readonly (readonly ShownPanel[])[];
  readonly below?: (row: object | undefined) => readonly (readonly ShownPanel[])[];
  readonly hasStars?: boolean;
  /** The same as a command, for `c`. */
  readonly command: string;
}

export interface Screen {
  readonly id: ScreenId;
  readonly title: string;
  /** The first one is what the screen is about: its age and its trouble are shown. */
  readonly sources: (
    state: State,
    place: Place,
  ) => readonly [Source<unknown>, ...Source<unknown>[]];
  readonly streams?: readonly StreamSource<unknown>[];
  readonly content: (input: ScreenInput) => Content;
}

/** A table of any rows: its own functions get back only rows that came from it. */
export const anyTable = <R extends object>(table: TableView<R>): TableView =>
  table as unknown as TableView;

/** Remembers the last result, so that a table is made and sorted again only when an answer came. */
export function remember<A extends readonly unknown[], T>(
  make: (...args: A) => T,
): (...args: A) => T {
  let last: { readonly args: A; readonly result: T } | undefined;
  return (...args) => {
    const isSame = last?.args.every((arg, index) => arg === args[index]) ?? false;
    if (last === undefined || !isSame) last = { args, result: make(...args) };
    return last.result;
  };
}
