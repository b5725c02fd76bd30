// Looks at a mesh while things happen to it, and remembers what must never be contradicted later: heads that were accepted,
// heads that were seen on the wire, how far the directory had come. Judges at the end.

import { Frontier, leafHash } from '../../protocols/merkle.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

type Heads = Map<number, string>;

interface ReadableLog {
  readonly size: number;
  root(): Buffer;
  segments(from: number, to: number): AsyncIterable<Uint8Array>;
}

/** The body of a checkpoint wherever it is: origin, size, root. */
const NOTE =
  /(odcm\/[a-z2-7]{26}\/[0-9a-f-]{36}\/[a-z0-9/-]+)\n(\d{1,16})\n([A-Za-z0-9+/]{43}=)\n\n/g;

export class Witness {
  readonly #world: World;
  /** What honest nodes had, by log. */
  readonly #accepted = new Map<string, Heads>();
  readonly #released = new Map<string, Heads>();
  readonly #directories = new Map<string, number>();
  readonly #wrongs: string[] = [];

  constructor(world: World) {
    this.#world = world;
    const look = world.network.onDelivered;
    world.network.onDelivered = (name, bytes) => {
      look(name, bytes);
      this.#read(bytes);
    };
  }

  /** No log was ever released with two roots at one size (I4). Forgeries of the hostile do not count. */
  #read(bytes: Uint8Array): void {
    if (this.#world.hostile.size > 0) return;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    for (const [, origin, size, root] of text.matchAll(NOTE))
      this.#remember(this.#released, origin!, Number(size), root!, 'was released with two roots');
  }

  #remember(all: Map<string, Heads>, log: string, size: number, root: string, wrong: string): void {
    let heads = all.get(log);
    if (!heads) {
      heads = new Map();
      all.set(log, heads);
    }
    const known = heads.get(size);
    if (known === undefined) heads.set(size, root);
    else if (known !== root) this.#wrongs.push(`${log} ${wrong} at ${size}`);
  }

  /** What every honest node holds at this moment (I2), and that no directory gets shorter (I5). */
  look(): void {
    for (const node of this.#world.honest) {
      if (!node.isRunning) continue;
      for (const { row, log } of node.mesh.feeds.opened) this.#accept(row.id, log);
      const { log } = node.mesh.directory;
      this.#accept('directory', log);
      // What cannot be read is not there until it is mended, and said to be damaged.
      if (!log.damage) this.#lookAtSize(node, log.size);
    }
  }

  #accept(name: string, log: { readonly size: number; root(): Buffer }): void {
    const root = log.root().toString('base64');
    this.#remember(this.#accepted, name, log.size, root, 'was accepted with two roots');
  }

  #lookAtSize(node: SimNode, size: number): void {
    const before = this.#directories.get(node.line) ?? 0;
    if (size < before)
      this.#wrongs.push(`${node.name} has ${size} entries of the directory and had ${before}`);
    this.#directories.set(node.line, Math.max(size, before));
  }

  /** Every head that anybody held lies on the line that the log took (I2). */
  async verdict(): Promise<string[]> {
    this.look();
    const out = [...this.#wrongs];
    out.push(...(await this.#offLine('directory', this.#world.odcm.mesh.directory.log)));
    for (const [feed, name] of this.#world.publishers) {
      const publisher = this.#world.node(name);
      if (this.#world.hostile.has(name) || !publisher.isRunning) continue;
      const { log } = await publisher.mesh.feeds.open(feed);
      out.push(...(await this.#offLine(feed, log)));
    }
    return out;
  }

  async #offLine(name: string, log: ReadableLog): Promise<string[]> {
    const heads = new Map(this.#accepted.get(name));
    const tree = new Frontier();
    const out: string[] = [];
    const compare = () => {
      const root = heads.get(tree.size);
      heads.delete(tree.size);
      if (root !== undefined && root !== tree.root().toString('base64'))
        out.push(`${name} had another root at ${tree.size}`);
    };
    compare();
    for await (const bytes of log.segments(0, log.size)) {
      for (const { leaf } of decodeSegment(bytes).entries) {
        tree.append(leafHash(leaf));
        if (heads.has(tree.size)) compare();
      }
    }
    for (const size of heads.keys()) out.push(`somebody had ${size} of ${log.size} of ${name}`);
    return out;
  }
}
