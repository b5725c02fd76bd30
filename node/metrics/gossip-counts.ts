// What becomes of gossip messages: new ones, those that came before, those that are no messages. Counted by looking at
// the result of the library's own check; the package is pinned to the version to which this method belongs.

interface Checking {
  validateReceivedMessage(from: unknown, message: unknown): Promise<{ readonly code: string }>;
}

export interface GossipCounts {
  valid: number;
  duplicate: number;
  invalid: number;
}

/** Counts from now on; undefined where there is no such gossip, as in a network that exists in memory. */
export function countGossip(gossip: object): { counts: GossipCounts; stop(): void } | undefined {
  if (!('validateReceivedMessage' in gossip)) return undefined;
  const inner = gossip as Checking;
  const counts: GossipCounts = { valid: 0, duplicate: 0, invalid: 0 };
  const check = inner.validateReceivedMessage.bind(inner);
  const counted = async (from: unknown, message: unknown) => {
    const result = await check(from, message);
    if (result.code in counts) counts[result.code as keyof GossipCounts] += 1;
    return result;
  };
  inner.validateReceivedMessage = counted;
  return {
    counts,
    stop: () => {
      if (inner.validateReceivedMessage === counted) inner.validateReceivedMessage = check;
    },
  };
}
