// Names that a view has a row of, in few bits: it says for sure that a name is new, so that nothing is looked up for it. It
// must have been told of every row; false alarms only cost a look-up. A Bloom filter in layers, each four times the last.

const FIRST_BITS = 1 << 14;
const GROWTH = 4;
/** With 24 bits a name and five probes, one new name in a thousand is taken for a known one, and looked up. */
const BITS_PER_NAME = 24;
const PROBES = 5;

interface Layer {
  readonly bits: Uint32Array;
  /** Names it still takes. */
  room: number;
}

const layerOf = (bitCount: number): Layer => ({
  bits: new Uint32Array(bitCount / 32),
  room: Math.floor(bitCount / BITS_PER_NAME),
});

export class NameFilter {
  readonly #layers: Layer[] = [];

  add(name: string): void {
    const hash = hashOf(name);
    // New versions of a known item must not make it grow.
    if (this.#mayHave(hash)) return;
    let last = this.#layers.at(-1);
    if (!last || last.room === 0) {
      last = layerOf(last ? last.bits.length * 32 * GROWTH : FIRST_BITS);
      this.#layers.push(last);
    }
    last.room--;
    const { bits } = last;
    let at = mixed(hash);
    const step = mixed(hash ^ OTHER) | 1;
    for (let i = 0; i < PROBES; i++, at = (at + step) | 0) {
      const bit = at & (bits.length * 32 - 1);
      bits[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  /** False only for names that were never added. */
  mayHave(name: string): boolean {
    return this.#mayHave(hashOf(name));
  }

  #mayHave(hash: number): boolean {
    const first = mixed(hash);
    const step = mixed(hash ^ OTHER) | 1;
    for (const { bits } of this.#layers) if (hasAll(bits, first, step)) return true;
    return false;
  }
}

function hasAll(bits: Uint32Array, first: number, step: number): boolean {
  for (let i = 0, at = first; i < PROBES; i++, at = (at + step) | 0) {
    const bit = at & (bits.length * 32 - 1);
    if ((bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

/** FNV-1a over the UTF-16 code units. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}

/** Turned into another one, so that two steps of the same name have little to do with each other. */
const OTHER = 0x9e3779b1;

/** Every bit depends on all of the hash. */
function mixed(hash: number): number {
  let mixing = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixing = Math.imul(mixing ^ (mixing >>> 13), 0xc2b2ae35);
  return mixing ^ (mixing >>> 16);
}
