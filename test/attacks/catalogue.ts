// Every attack and fault that the product answers for, by id. Families: T trust, L logs, G grants and secrecy, N network,
// C storage and process, F parsers; H, A and U come with the parts that they attack. Rows say how each is made here.

export interface Attack {
  readonly id: string;
  readonly what: string;
  readonly mark: string;
}

const attack = (id: string, what: string, mark: string): Attack => ({ id, what, mark });

export const CATALOGUE: readonly Attack[] = [
  attack('T01', 'entries signed by a wrong or unknown key', 'nothing delivered'),
  attack('T02', 'a log that claims no end and never stops sending', '<= 1 MiB and 60 s wasted'),
  attack('T03', 'an entry that leans on an item of a feed not granted', 'nothing applied'),
  attack('T04', 'directory and timestamp pushed far ahead, then a new root', 'recovers'),
  attack('T05', 'a directory held back for ever', 'stale and expired on the second'),
  attack('T06', 'peers that serve old data or none', 'one honest peer of five is enough'),
  attack('T07', 'heads and entries of different moments mixed', 'nothing accepted'),
  attack('T08', 'directory, root and feed rolled back', 'never, also not after a restart'),
  attack('T09', 'fewer stolen root keys than the threshold', 'refused'),
  attack('T10', 'one signature or key counted twice', 'counted once'),
  attack('T11', 'a root chain with a gap, or not signed by the old keys', 'refused'),
  attack('T12', 'root, directory or certificate past its time', 'the state the rules name'),

  attack('L01', 'two histories of one size shown to two halves', 'proof everywhere, feed frozen'),
  attack('L02', 'two histories of different sizes', 'proven every time'),
  attack('L03', 'a forged proof against an honest log', 'never believed'),
  attack('L04', 'old heads and entries again', 'ignored, nothing written'),
  attack('L05', 'a publisher restored from a backup', 'held, caught up, no fork'),
  attack('L06', 'a cloned machine beside its original', 'both raise the alarm'),
  attack('L07', 'leaves as nodes, odd sizes, every proof', 'no wrong answer'),
  attack('L08', 'a key changed in mid-batch; a key cut off', 'the exact entry'),
  attack('L09', 'ODCM shows two directories', 'proof against ODCM'),
  attack('L10', 'small-order and unusual points as keys', 'refused'),
  attack('L11', 'a signature made anew by adding the group order', 'refused'),

  attack('G01', 'a grant used after its end', 'nothing applied'),
  attack('G02', 'a revoked space opens the next epoch', 'cannot'),
  attack('G03', 'recipients given different keys', 'reported'),
  attack('G04', 'a sealed record moved elsewhere', 'does not open'),
  attack('G05', 'sealed chunks cut, swapped, added', 'fails before any output'),
  attack('G06', 'plaintext searched on disks and in logs', 'none found'),
  attack('G07', 'the length of a secret read from outside', 'all look alike'),
  attack('G08', 'a join token stolen, late, or raced for', 'one winner'),

  attack('N01', 'gossip flooded: valid, forged, oversized, strange topics', 'honest p99 <= 2x'),
  attack('N02', 'ten thousand unknown identities dial', 'honest dial p99 <= 100 ms'),
  attack('N03', 'idle sockets, 40 each second', 'every honest dial gets in'),
  attack('N04', 'peers that speak a byte a second, or never read', 'reset <= 10 s'),
  attack('N05', 'all peers but two are hostile', 'noticed, healed by one honest path'),
  attack('N06', 'half and half for 30 minutes, both write', 'level <= 10 s, nothing lost'),
  attack('N07', 'one-way lines, loss, jitter, duplicates', 'level every time'),
  attack('N08', 'a peer that stands still for 30 s', 'the others do not notice'),
  attack('N09', 'a hundred nodes start at once', 'fresh <= 30 s'),
  attack('N10', 'revoked while connected, away, cut off', 'p99 <= 5 s; no data first'),

  attack('C01', 'SIGKILL at every named point', 'nothing lost, no fork'),
  attack('C02', 'power lost with whatever was not synced', 'nothing lost'),
  attack('C03', 'torn files, CURRENT missing', 'found, fetched again'),
  attack('C04', 'one bit flipped anywhere in the store', 'found and mended <= 5 s'),
  attack('C05', 'a disk that is full, then is not', 'refuses, then goes on'),
  attack('C06', 'read errors and failed syncs', 'no promise after a failed sync'),
  attack('C07', 'clocks that are wrong or jump', 'nothing lives again, no mass expiry'),
  attack('C08', 'bulk sync with little memory', 'completes'),
  attack('C09', 'two processes on one folder', 'the second is refused'),
  attack('C10', 'an upgrade and back with a crash between', 'readable, or refused with a reason'),

  attack('A01', 'any bit of a bundle turned over', 'refused, nothing changed'),
  attack('A02', 'bundles cut, made longer, exchanged', 'refused'),
  attack('A03', 'old, repeated, misdirected bundles; a gap', 'refused for its own reason'),
  attack('A04', 'bombs in a CAR', 'refused by bound, RSS +<= 16 MiB'),
  attack('A05', 'links, pipes, devices, names in a drop folder', 'nothing opened outside'),
  attack('A06', 'signers expired, replaced, revoked, doubled', 'refused'),
  attack('A07', 'an import that ends at every step', 'nothing or everything'),
  attack('A08', 'receipts forged, dropped, exchanged, signed twice', 'detected, gap shown'),
  attack('A09', 'receipts checked by a shell with openssl', 'the same verdicts'),

  attack('F01', 'random and built bytes for each binary format', 'known refusals only'),
  attack('F02', 'random and built text for each text format', 'known refusals only'),
  attack('F03', 'random and built keys, requests, certificates', 'known refusals only'),
  attack('F04', 'random frames on the wire', 'only the connection dies'),
];

/** What attacks parts that do not exist yet. */
export const LATER: readonly { readonly ids: string; readonly comesWith: string }[] = [
  { ids: 'H01-H05', comesWith: 'several ODCM servers that hold one directory' },
  { ids: 'U01-U04', comesWith: 'people who sign in' },
];
