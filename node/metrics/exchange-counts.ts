// Streams that this node opens to peers to exchange heads, entries and blocks: how many, and how many could not be.

import type { Network } from '../net/network.ts';

export interface ExchangeCounts {
  opened: number;
  failed: number;
}

/** Counts from now on. */
export function countExchanges(network: Network): { counts: ExchangeCounts; stop(): void } {
  const host: { open: Network['open'] } = network;
  const counts: ExchangeCounts = { opened: 0, failed: 0 };
  const { open } = host;
  const counted: Network['open'] = async (...call) => {
    try {
      const channel = await open.apply(network, call);
      counts.opened += 1;
      return channel;
    } catch (error) {
      counts.failed += 1;
      throw error;
    }
  };
  host.open = counted;
  return {
    counts,
    stop: () => {
      if (host.open === counted) host.open = open;
    },
  };
}
