// What health shows of a space that only its inventory entries tell; whoever keeps those entries provides it.

import type { SpaceName } from '../../protocols/ids.ts';

export interface SpaceInventory {
  /** Version of the space's Octopus Server. */
  readonly serverVersion: string;
  readonly projects: number;
  readonly targets: number;
  readonly tags: readonly string[];
}

export interface InventoryFacts {
  of(space: SpaceName): SpaceInventory | undefined;
}
