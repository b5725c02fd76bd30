// Bounds of what people, tools and files bring to one node, and of what it does for itself.

const KiB = 1024;
const MiB = 1024 * KiB;

export const SITE_LIMITS = {
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

  // Care of the store
  /** The whole store is read this often, and no faster than this. */
  scrubEveryMs: 7 * 24 * 3_600_000,
  scrubBytesPerSecond: 5_000_000,
  /** A block that nothing names may belong to an upload that is under way: it stays so long. */
  orphanGraceMs: 24 * 3_600_000,
} as const;
