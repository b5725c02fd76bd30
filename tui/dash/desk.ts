// What actions and typing work on: the state of the dashboard, what can be seen of it right now, and the few things
// outside of it that they may do. Made by the session; types only.

import type { MeshClient } from '../client.ts';
import type { Change } from './changes.ts';
import type { Clock } from './clock.ts';
import type { Listing } from './list.ts';
import type { Choice, Switchable } from './overlays.ts';
import type { Content, ShownPanel } from './screens/screen.ts';
import type { Asker } from './sources.ts';
import type { State, View } from './state.ts';
import type { Store } from './store.ts';

/** The terminal and the file system, as far as the dashboard needs them. */
export interface Host {
  /** Written as it is, past the frames: the clipboard. */
  readonly write: (sequence: string) => void;
  readonly writeFile: (file: string, text: string) => Promise<void>;
  readonly repaint: () => void;
  readonly suspend: () => void;
  readonly exit: () => void;
  /** Who acts here, as others will read it. */
  readonly user: string;
}

export interface Desk {
  readonly state: State;
  readonly clock: Clock;
  readonly host: Host;
  readonly isReadOnly: boolean;
  store(): Store;
  asker(): Asker;
  client(): MeshClient;
  view(): View;
  content(): Content;
  listing(): Listing | undefined;
  selected(): object | undefined;
  panels(): readonly ShownPanel[];
  /** Rows of a page of the list as it was last drawn. */
  page(): number;
  switchable(): Switchable[];
  spaceNames(): string[];
  feedNames(): string[];
  choices(): Choice[];
  exportChoices(): Choice[];
  targetName(): string;
  /** Another node: everything known of this one is dropped. */
  connect(home: string): void;
  confirm(change: Change): void;
  /** Runs something that takes a while and says how it went. */
  attempt(what: () => Promise<string>): void;
  say(text: string, tone?: 'good' | 'warn' | 'bad'): void;
}
