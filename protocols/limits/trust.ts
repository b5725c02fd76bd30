// Bounds of trust and of what is known of others: time, membership, keys, who is online, two histories of one log.

const KiB = 1024;
const MiB = 1024 * KiB;

export const TRUST_LIMITS = {
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
} as const;
