// What the parts of a node share that nobody outside may touch. The node fills it in while it is wired: a part that is made
// early reads what is made later only once the node runs.

import type { Background } from '../background.ts';
import type { MeshNode } from '../node.ts';
import type { NodeOptions, Parts } from '../parts.ts';
import type { Reactions } from '../reactions.ts';
import type { ExchangeParts } from './exchange-parts.ts';

export interface InnerOptions {
  readonly node: MeshNode;
  readonly o: NodeOptions;
  readonly parts: Parts;
  readonly background: Background;
  /** Aborts when the node stops. */
  readonly stopped: AbortSignal;
}

export class Inner {
  readonly node: MeshNode;
  readonly o: NodeOptions;
  readonly parts: Parts;
  readonly background: Background;
  readonly stopped: AbortSignal;
  /** These two are made late, and always before the node starts. */
  declare exchange: ExchangeParts;
  declare reactions: Reactions;

  constructor({ node, o, parts, background, stopped }: InnerOptions) {
    this.node = node;
    this.o = o;
    this.parts = parts;
    this.background = background;
    this.stopped = stopped;
  }
}
