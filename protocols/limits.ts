// Every bound of the mesh, with its unit in the name and its reason beside it. Nothing else states a bound.

const KiB = 1024;
const MiB = 1024 * KiB;

export const LIMITS = {
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
  /** Verified entries are written to the store in groups of about this size; one group is being written while the next arrives. */
  intakeBytes: 96 * KiB,
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
  gossipBurstPerPeer: 4000,
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

  // Time
  /** Polls that are due and feeds that are behind are looked for this often. */
  replicateMs: 1_000,
  /** The supervisor looks at connections this often, with jitter. */
  superviseMs: 5_000,
  /** Peers the supervisor keeps connected, highest priority first: below `connections`, so that others still get in. */
  supervisedPeers: 200,
  dialsAtOnce: 8,
  /** Back-off of a peer that does not answer: doubles from the first to the second, with jitter. */
  redialMinMs: 1_000,
  redialMaxMs: 60_000,
  /** Three looks without gossip on a live connection and the pair is deaf: reconnect. */
  deafLooks: 3,
  /** A dead node is known within 15 s and a stall of 10 s is forgiven: between two statements may pass little more. */
  presenceMs: 3_000,
  /** Directory heads are signed anew this often by ODCM. */
  timestampMs: 30_000,
  /** Heads are asked for this often even when gossip seems healthy. */
  antiEntropyMs: 60_000,
  /** A head dated further ahead than this is held, not used. */
  clockSkewMs: 300_000,
  /** Others that contradict this machine's clock are believed this long after they were heard; so long, too, a clock must
   * have run without a leap before it is believed when it contradicts nobody. */
  clockGraceMs: 15 * 60_000,
  /** The clocks are looked at this often, and how far time has come is written down this often. */
  clockLookMs: 1_000,
  clockSaveMs: 60_000,
  /** Directory age up to which it counts as fresh, and after which nothing new is accepted on its authority. */
  directoryFreshMs: 300_000,
  directoryExpiredMs: 7 * 24 * 3_600_000,
  /** The same where rules for regulated data are kept. */
  directoryRegulatedMs: 24 * 3_600_000,
  /** After a start, or after having been alone, a node waits this long to learn the newest directory of somebody else before
   * it gives a peer data, or takes data, on the authority of what it held before. */
  directoryFirstMs: 5_000,
  /** Revocations that are shown with who has applied them. */
  revocationsShown: 50,

  // Petitions
  /** Feeds of one space that ODCM writes down: each is a row in the memory of every node. */
  feedsPerSpace: 1000,
  /** New keys of a space name so many of its feeds in one entry of the directory, and take so many entries at most. */
  rotationFeeds: 250,
  rotationEntries: 4,
  /** Petitions of one space that ODCM takes at once … */
  petitionBurst: 30,
  /** … and the time after which it takes one more: each costs a signature and a synced write. */
  petitionEveryMs: 1_000,
  /** Petitions of one space whose results are remembered, so that each is carried out once. */
  petitionsRemembered: 1000,

  // Enrolment
  tokenTtlMs: 30 * 60_000,
  tokenTtlMaxMs: 24 * 3_600_000,
  enrolFrameBytes: 64 * KiB,
  /** What ODCM sends there: every version of the root so far, or certificates with a piece of the directory. */
  enrolAnswerBytes: 1 * MiB,
  enrolTimeoutMs: 30_000,
  /** A courier carries an offer to a site without a network, and the request back, within this. */
  offerTtlMs: 7 * 24 * 3_600_000,
  offerTtlMaxMs: 30 * 24 * 3_600_000,
  /** A file with an offer, or with an answer and the whole directory as the new site needs it. */
  enrolOfferFileBytes: 2 * MiB,
  enrolAnswerFileBytes: 128 * MiB,
  /** Life of the certificate of a space without a network: 13 months, because nobody renews it between two visits. */
  offlineCertificateDays: 396,
  enrolConnections: 32,
  /** DER or PEM from outside is parsed only up to this size. */
  certificateBytes: 16 * KiB,
  rootBytes: 64 * KiB,
  rootVersions: 1024,
  /** Keys of one role of the root: with more, checking every version would take long. */
  rootRoleKeys: 32,
  /** Versions in one answer to who asks for newer ones. */
  rootsPerAnswer: 16,
  /** A sign of a newer root makes a node ask a peer for it again after this. */
  rootHintMs: 5_000,
  /** Signatures of one version: old and new keys of a rotation sign side by side. */
  rootSignatures: 64,

  // Keys at rest
  /** The file of the local key: 32 bytes, or the parameters of its wrapping and 48 or, with the key before it, 80. */
  localKeyFileBytes: 256,
  /** A passphrase that is given to a folder: below this it is guessed, above this it is some other file. */
  passphraseMinBytes: 12,
  passphraseMaxBytes: 1024,
  /** A node looks at its keys and its certificate this often; what failed is tried again as often. */
  upkeepMs: 60_000,
  /** After a space has new keys, its former ones still count for its network identity and heads this long. */
  keyOverlapMs: 7 * 24 * 3_600_000,
  /** Its former exchange key is kept this long: what was wrapped for it is wrapped anew by then. */
  exchangeKeyKeptMs: 30 * 24 * 3_600_000,

  // Gossip collected before one announcement
  announceEntries: 256,
  announceDelayMs: 2,

  // Control API
  controlBodyBytes: 8 * MiB,
  pageRows: 1000,
  /** Events that wait for a slow reader of the event stream before it is cut off. */
  tailWaiting: 10_000,

  // Alerts
  /** Alerts that are kept, closed ones included: the oldest closed ones are forgotten first. */
  alerts: 5000,
  silences: 200,
  alertRoutes: 10,
  /** alerts.json and the files of secrets that it names. */
  alertConfigBytes: 64 * KiB,
  alertSecretBytes: 4 * KiB,
  /** What is remembered of alerts, on the disk. */
  alertStateBytes: 16 * MiB,
  /** Messages that wait for one route, the size of each and of all; past it the oldest are given up. */
  alertsQueued: 1000,
  alertMessageBytes: 256 * KiB,
  alertQueueBytes: 8 * MiB,
  /** An unsent message is given up after this: it is history by then. */
  alertMessageAgeMs: 24 * 3_600_000,
  /** Back-off of a route that fails: doubles from the first to the second, with jitter. */
  alertRetryMinMs: 2_000,
  alertRetryMaxMs: 300_000,
  /** One attempt to send by a route. */
  alertSendTimeoutMs: 20_000,
  /** The rules are looked at this often. */
  alertLookMs: 5_000,
  /** Alerts written out in one message, most urgent first; the rest are counted. */
  alertsPerMessage: 20,
  /** Feeds with metrics of their own, by name; the rest are summed up as one. */
  metricFeeds: 200,

  // Inventory and deployments
  /** One inventory or deployment as JSON: a record beside its entry has room for it. */
  reportBytes: 8 * KiB,
  /** Projects or targets that one space may claim to have. */
  reportThings: 10_000_000,
  /** Longer than any deployment: a start that was never set must not spoil a median. */
  deploymentDurationMs: 366 * 24 * 3_600_000,
  /** Pairs of project and environment that are counted for one feed: each has its place in every row of sums. */
  reportGroups: 10_000,
  /** Refused lines that an answer names; the rest are counted. */
  reportRefusals: 100,
  /** A space that has not told its inventory for this long is shown as stale. */
  inventoryFreshMs: 24 * 3_600_000,
  /** Longest time that a report covers. */
  reportWindowMs: 3660 * 24 * 3_600_000,
  /** The watched folder is looked at this often, and up to this seldom while what is in it cannot be published. */
  inboxLookMs: 2_000,
  inboxRetryMaxMs: 60_000,

  // Air gap
  /** Text of a manifest: about five hundred logs. */
  manifestBytes: 64 * KiB,
  /** A detached CMS signature with the certificates of a space and of its issuing CA takes about 3 KiB. */
  cmsBytes: 16 * KiB,
  /** The header of a CAR with one root is 59 bytes; one that does not end would be read for ever. */
  carHeaderBytes: 256,
  /** One block of a CAR with its CID: a segment is the largest thing in it. */
  carSectionBytes: 129 * KiB,
  /** Hashes named by one block of a bundle's index: 48 KiB of them, so that an index fits where a chunk fits. */
  bundleFanout: 1536,
  /** One receipt in its envelope: a statement of 1 KiB is half as large again in base64. */
  receiptBytes: 8 * KiB,
  /** Forty hashes in base64 and a checkpoint. */
  tlogProofBytes: 8 * KiB,
  /** Blocks of one bundle: their hashes are remembered while it is read, 40 bytes each. */
  bundleBlocks: 1_000_000,
  /** Names of items that the differences of one log show; of the rest only the number. */
  bundleItemsShown: 200,
  /** Most by which the time of a signature may be off the time in its manifest: an old key must not date back. */
  bundleSigningMs: 3_600_000,
  /** Bundles are kept so long after they came, for whoever has to look into them. */
  quarantineMs: 90 * 24 * 3_600_000,
  /** A malware scanner that takes longer is taken for one that hangs. */
  scanTimeoutMs: 30 * 60_000,
  /** Deployments of a feed that are looked at when receipts of them are asked for the first time: the newest ones. */
  receiptsCatchUp: 1_000,
  /** Approvals that an import may need: four eyes, or two besides the one who brings it. */
  approvalsMax: 2,
  /** A bundle that nobody imported in this time is refused: the revocations in it are old. */
  bundleLifeMs: 30 * 24 * 3_600_000,

  /** The kernel's address of a Unix socket has 108 bytes, the last one zero. */
  socketPathBytes: 107,

  // Health
  /** Silence after which a space is suspected: two statements in a row did not come. */
  suspectMs: 7_000,
  /** A suspicion that enough others confirm becomes `offline` after this; less, and a stall of 10 s is called a death … */
  suspicionMinMs: 7_000,
  /** … and one that nobody confirms after this: it tells more of the observer than of the suspect. */
  suspicionMaxMs: 23_000,
  /** Confirmations after which a suspicion waits no longer than the least; fewer when there are fewer witnesses. */
  suspicionConfirmations: 3,
  /** Suspicions in one statement; of more, each statement names others. */
  suspicions: 64,
  /** Observers that are remembered for one suspect. */
  witnessesPerSuspect: 64,
  /** Statements in one message: the sender's own, and others that somebody seems to lack. */
  presenceStatements: 8,
  presenceMessageBytes: 32 * KiB,
  nodeVersionChars: 64,
  /** A node looks at what it hears this often; a look that is late by more than the second is a stall of its own. */
  healthMs: 500,
  healthLateMs: 1_000,
  /** Most by which an observer that is not well multiplies its timeouts, less one. */
  healthScore: 8,
  /** Known heads of one feed whose age is told apart while the feed lags. */
  lagMarks: 64,

  // Forks
  /** Two notes, a root and a path: what proves that a key signed two histories. */
  forkProofBytes: 2_560,
  /** A publisher asks for its own newest heads this long before it takes silence for an answer. */
  releaseAskMs: 10_000,
  /** Peers other than ODCM that must have answered before that. */
  releasePeers: 2,
  /** Proofs that a peer gives at once when it connects; more than that are told again by gossip. */
  forksPerAnswer: 64,
  /** A fork that is not settled yet is told again this often, for whoever came later. */
  forkToldMs: 180_000,

  // Care of the store
  /** The whole store is read this often, and no faster than this. */
  scrubEveryMs: 7 * 24 * 3_600_000,
  scrubBytesPerSecond: 5_000_000,
  /** A block that nothing names may belong to an upload that is under way: it stays so long. */
  orphanGraceMs: 24 * 3_600_000,
} as const;
