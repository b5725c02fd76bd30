// Bounds of what nodes give each other: entries, logs, connections, requests, gossip.

const KiB = 1024;
const MiB = 1024 * KiB;

export const EXCHANGE_LIMITS = {
  // Entries and records
  /** 12 small fields take 65 to 110 bytes; the event name alone may take 64. */
  entryBytes: 1024,
  eventTypeChars: 64,
  /** The integration contract says an event is smaller than 64 KB. */
  envelopeBytes: 64_000,
  /** Larger content is cut into chunks of this size, so that no node holds a whole object in memory. */
  chunkBytes: 64 * KiB,
  /** Hashes in one index block of a manifest: 48 KiB of hashes, so that an index fits where a chunk fits. */
  manifestFanout: 1536,
  /** Two levels of index already address 144 GiB. */
  manifestDepth: 2,
  /** Largest object a feed takes. */
  objectBytes: 512 * MiB,
  /** JSON documents are checked as a whole, so they must fit in memory; other content is streamed. */
  jsonBytes: 16 * MiB,
  /** Records up to this size rest and travel beside their entry; larger ones are blocks fetched by hash. */
  inlineRecordBytes: 16 * KiB,
  /** An entry of at most this size always travels with its record, which is larger by an envelope of less than 4 KiB. */
  besideEntryBytes: 12 * KiB,
  /** No block is larger than a chunk and the few bytes of structure around it. */
  blockBytes: 65 * KiB,
  /** Content up to this size stands in the record itself: envelope and content fit in one block. */
  inlineContentBytes: 60_000,
  /** Depth of the JSON of an event: no sane one is deeper, and thousands would exhaust the stack of whoever writes it. */
  jsonDepth: 100,
  mediaTypeChars: 255,
  itemNameChars: 200,
  /** Depth and item count of any strict CBOR value: messages are flat, bombs are deep. */
  cborDepth: 8,
  cborItems: 65_536,

  // Sealed feeds
  /** Recipients in one page of a share key: 47 KB, which fits a block. */
  shareKeyRecipients: 500,
  /** A share key is used no longer than this, … */
  shareKeyAgeMs: 90 * 24 * 3_600_000,
  /** … and for this many new records; for as many as were sealed anew when it began, if those are more. */
  shareKeyRecords: 10_000,

  // Logs
  /** A checkpoint note is about 300 bytes; cosignatures of witnesses make it longer. */
  noteBytes: 4096,
  noteSignatures: 16,
  /** Hashes in a tile (C2SP tlog-tiles): 256 × 32 B = 8 KiB. */
  tileHashes: 256,
  /** A log has at most 2^40 entries: proofs and frontiers have at most 40 hashes. */
  proofHashes: 40,
  /** Entries between what is held and a head: the roots of their tiles, 8 MiB, are in memory before the first entry comes. */
  catchUpEntries: 1 << 26,
  /** One segment on disk and on the wire: at most this many entries … */
  segmentEntries: 256,
  /** … and about this many bytes, so that a frame with its header stays within one noise message (65,507 B measured best). */
  segmentBytes: 64_000,
  /** One publish batch: bounded so that the commit stays a fraction of a second. */
  batchEntries: 1000,

  // Network
  /** A frame carries one message of the sync protocol: a segment or a block with its header. */
  frameBytes: 128 * KiB,
  /** Heads of this many logs in one answer; more are asked for in pages. */
  headsPerFrame: 100,
  /** Verified entries are written to the store in groups of about this size; up to three wait or are being written while the next arrives. */
  intakeBytes: 256 * KiB,
  blocksPerRequest: 16,
  /** Missing blocks looked up at a time while a large object is fetched: finding them walks the object from its start. */
  missingBlocks: 1024,
  /** Tree hashes in one answer: 2,048 × 32 B are one full frame of 64 KiB. */
  hashesPerRequest: 2048,
  /** Records carried inside a gossip announcement; more are pulled. */
  announcementBytes: 16 * KiB,
  /** An announcement whole: the records, around them their entries, before them the note and 40 hashes of a frontier. */
  announcementMessageBytes: 32 * KiB,
  /** One frame of gossip, of which the library's own bound is 4 MiB; what is sent stays below by `gossipBatchBytes`. */
  gossipFrameBytes: 128 * KiB,
  /** Heads of one space that are verified in a second, all its feeds together. Not 10, because a publisher of many small batches tells each of them at once; 100 take at most a fiftieth of a core of each member. What goes beyond is passed over without blame, and pulled when presence shows it: pull has back-pressure, hence no rate of its own, and entries and bytes in gossip are bounded by heads × `announcementMessageBytes`. */
  headsPerSecond: 100,
  /** … and at once, after a quiet time. */
  headsBurst: 200,
  /** What a node itself tells stays at half of that, because relays bunch what they pass on; the next one tells more. */
  announcementsPerSecond: 50,
  announcementsBurst: 100,
  /** Messages and subscriptions of one peer that are looked at in a second: ids of all are remembered for two minutes. */
  gossipPerSecondPerPeer: 1000,
  gossipBurstPerPeer: 1000,
  /** Whoever says more is not read from for at least this long: the rest waits on its side. */
  gossipPauseMs: 50,
  /** Topics that one peer may name in one frame: one for each context of the directory, and two. */
  gossipSubscriptions: 1024,
  /** Lists of ids in one frame of gossip, one for each topic at most. */
  gossipControls: 256,
  /** Who passed on something provably false stays out from the first to the second, doubling each time. */
  outcastMinMs: 60_000,
  outcastMaxMs: 3_600_000,
  /** Concurrent sync streams from one peer, over all its connections. */
  syncStreamsPerPeer: 4,
  /** A sync request without any answer is given up after this. */
  requestTimeoutMs: 10_000,
  /** From its first frame on an answer moves this much … */
  answerBytesPerWindow: 160 * KiB,
  /** … in each such time (16 KiB/s), or the stream is reset: a peer that drips would hold up others, and hide a revocation. */
  answerWindowMs: 10_000,
  /** A request that has begun is looked at this often; of two looks one must find it whole. */
  requestWindowMs: 4_000,
  /** A stream that moves nothing for this long is reset. */
  streamIdleMs: 60_000,
  dialTimeoutMs: 4_000,
  /** Tells a round trip and ends nothing. Not 10 s: with 200 peers 40 streams a second would be opened for that alone, with two reads and two writes on disk each. */
  pingEveryMs: 30_000,
  /** Of all peers together. More than 64, so that up to 200 members are all connected: gossip then arrives in one step, and nobody can be surrounded. What they hold in memory is bounded by `bufferedBytes` and not by their number. */
  connections: 300,
  /** Of one member: both sides may dial at once, and one that restarted leaves a dead one. A fifth ends the oldest. */
  connectionsPerPeer: 4,
  /** Unfinished handshakes of everybody: 40 idle sockets a second fill 120, so honest ones always find room. */
  pendingConnections: 256,
  /** An honest handshake takes some 10 ms; past this the slot is given back. */
  upgradeTimeoutMs: 3_000,
  /** Connections of an address that the directory does not list. Not 20, because members may sit behind one address with whoever opens idle sockets, which cost a slot of their own kind and nothing else. Addresses of members have no such bound. */
  inboundPerSecondPerHost: 100,
  /** Refused identities of such an address, after which it waits for the next second: each costs a handshake of some 7 ms. */
  strangersPerSecondPerHost: 20,
  /** Below yamux's read buffer limit of 4 MiB: a paused stream is then held back instead of reset. Not 256 KiB, with which a path of 100 ms carries 2.5 MB/s; what all windows together may hold is bounded by `bufferedBytes`. */
  yamuxWindowBytes: 1 * MiB,
  /** Received and unread or unsent, on all connections: past it the newest peers are dropped until it fits. */
  bufferedBytes: 256 * MiB,
  /** They are counted this often: at 100 MB/s less than half of it can come in between. */
  bufferedLookMs: 1_000,
  /** What the corked connection collects before it writes: with its header it still is one noise message. */
  corkBytes: 65_400,
  /** Of one connection, unsent because its peer does not read; past it the connection ends. Streams stop at once, each with a frame of 64 KiB on its way at most; what still grows then are answers to pings, which no stream holds back. */
  connectionQueueBytes: 8 * MiB,
  /** Received and not yet read on one stream before it is paused: two frames, so that one is read while one arrives. */
  readAheadBytes: 256 * KiB,
  /** Sent and not yet taken over by the peer on one stream before a sender has to wait. */
  sendQueueBytes: 256 * KiB,
  /** Muxed streams of one connection in each direction, of all protocols together; not 16, because the DHT asks in parallel. */
  streamsPerConnection: 128,
  /** Unfinished handshakes from one address; past it the oldest is dropped, never the newest refused. */
  pendingPerHost: 8,
  /** The same for addresses the directory lists: many spaces may share one host. */
  pendingPerMemberHost: 64,
  /** Gossip waiting for one slow peer; past it the stream is reset and the pair reconnects. */
  gossipQueueBytes: 4 * MiB,
  /** Message ids of one topic in one gossip frame: 22 KiB. */
  gossipIds: 1024,
  /** Messages put into one gossip frame when a peer asks for many: leaves room for ids in the same frame. */
  gossipBatchBytes: 64 * KiB,
  gossipBatchMessages: 32,
  /** All messages given to one such request. */
  gossipAnswerBytes: 1 * MiB,

  /** A message is passed on at a random moment within this time: long enough that of two peers mostly one sends it. */
  relayWithinMs: 30,
  /** … and of one topic not more often than this, what came meanwhile in one frame: the publisher told those whom it reaches itself. With ten nodes and 20 messages a second each costs a fifth to a quarter less processor time; 1 s is no better. */
  relayEveryMs: 200,

  /** Holders of a feed taken from one look-up in the DHT: three are enough to fetch from, more are only dialled. */
  dhtProviders: 8,
  /** Provider records kept for one member, as many as it may have feeds. */
  dhtRecordsPerPeer: 1000,
  /** … and for all: 2^16 records are about 10 MiB on disk. */
  dhtRecords: 65_536,
  /** Holders of a feed beside its publisher: with three, two may be away at once. */
  carriersWanted: 3,
  /** More holders than this a feed cannot ask for: each costs the mesh a copy. */
  carriersMax: 64,
  /** What one publisher may take of the room for what is carried for others … */
  carryBytesPerPublisher: 256 * MiB,
  /** … and all of them, as a share of the disk that is free or taken by it, when nothing else is set. */
  carryPercent: 20,
  /** What one step of fetching may bring: two groups of entries, or the blocks of one request. */
  carrySlackBytes: 2 * MiB,
  /** A node looks this often at what it is to carry, and at the room for it. */
  carryLookMs: 5_000,
  /** Entries younger than this need not be at a carrier for it to count as complete. */
  carrierGraceMs: 10_000,
  /** Announcements of one feed that wait for their turn; beyond that the feed is pulled. */
  announcementsWaiting: 64,

  /** Addresses at which one space is reached, wherever they stand, and the length of one. */
  addresses: 8,
  addressChars: 256,
  /** The sentence of a refusal, when a peer sent it. */
  refusalBytes: 2000,

  // Gossip collected before one announcement
  announceEntries: 256,
  announceDelayMs: 2,
} as const;
