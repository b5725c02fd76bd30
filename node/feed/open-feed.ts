// One feed of those a node holds: its log, its view, and what it takes to read or write it. A shape, made by feeds.ts.

import type { Checkpoint } from '../../protocols/checkpoint.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import type { Origin } from '../../protocols/ids.ts';
import type { Turn } from '../turn.ts';
import type { Blocks } from './blocks.ts';
import type { FeedLog } from './log.ts';
import type { Opener } from './opener.ts';
import type { Publisher } from './publisher.ts';
import type { Sealing } from './sealing.ts';
import type { FeedView } from './view.ts';

/** A feed that is open in this node. */
export interface OpenFeed {
  readonly row: FeedRow;
  readonly path: string;
  readonly id: Buffer;
  readonly origin: Origin;
  readonly log: FeedLog;
  readonly view: FeedView;
  readonly blocks: Blocks;
  /** Present when the feed is sealed: opens its entries. */
  readonly opener: Opener | undefined;
  readonly sealing: Sealing | undefined;
  /** Present when the feed is this space's own. */
  readonly publisher: Publisher | undefined;
  /** Entries come in from one source at a time. */
  readonly intake: Turn;
  /** From this index on nothing of the feed counts: its space was shut out. */
  endsAt: number;
  /** Newest head whose signature was verified here; its entries may still be missing. */
  head: Checkpoint | undefined;
  /** The same as it was signed. */
  headNote: Buffer | undefined;
  /** Two histories under its key are proven: nothing new is accepted before the directory opens a new epoch. */
  readonly isFrozen: boolean;
}
