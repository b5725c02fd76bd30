// The one error type and the table of all refusal codes: whose fault, HTTP status, exit code, what to do next.
// A code is stable once released: scripts and monitoring match on it. Order is by topic; add, never rename.

/** Who has to change something: the other side, this machine, or the person who typed. */
export type Fault = 'peer' | 'local' | 'operator';

interface CodeRow {
  readonly fault: Fault;
  /** Status of the control API when a request ends with this code. */
  readonly http: number;
  /** Exit code of the command line: 1 fault, 2 usage, 3 not reachable, 4 no such thing, 5 refused by policy. */
  readonly exit: 1 | 2 | 3 | 4 | 5;
  /** What the reader does next, used when the thrower knows nothing better. */
  readonly next: string;
}

const row = (fault: Fault, http: number, exit: CodeRow['exit'], next: string): CodeRow => ({
  fault,
  http,
  exit,
  next,
});

export const CODES = {
  // Bytes
  TOO_LARGE: row('peer', 413, 1, 'Send less: docs/LIMITS.md lists the limits.'),
  MALFORMED: row(
    'peer',
    400,
    1,
    'The bytes are not of the promised form; ask the sender to check its version.',
  ),
  NOT_CANONICAL: row(
    'peer',
    400,
    1,
    'Only the one canonical encoding is accepted; ask the sender to check its version.',
  ),
  HASH_MISMATCH: row(
    'peer',
    422,
    1,
    'The content is not what its hash promises; it will be fetched from another peer.',
  ),

  // Logs
  BAD_SIGNATURE: row(
    'peer',
    422,
    1,
    'The signature does not match the key; nothing was accepted from it.',
  ),
  UNKNOWN_KEY: row(
    'peer',
    422,
    1,
    'The directory names no such key for this log; wait for a newer directory.',
  ),
  WRONG_ORIGIN: row(
    'peer',
    422,
    1,
    'The statement belongs to another log or mesh; nothing was accepted from it.',
  ),
  ROOT_MISMATCH: row(
    'peer',
    422,
    1,
    'The entries do not fold to the signed root; they will be fetched from another peer.',
  ),
  OLD_EPOCH: row(
    'peer',
    409,
    1,
    'The root metadata has ended this epoch of the directory; what is signed in it counts no more.',
  ),
  STALE_HEAD: row('peer', 409, 1, 'The head is older than what is known here; nothing to do.'),
  CONFLICT: row(
    'peer',
    409,
    1,
    'Two histories under one key were seen: nothing newer is accepted, what is held stays readable. Tell the publisher and ODCM.',
  ),
  // Sealed feeds
  SEAL_BROKEN: row(
    'peer',
    422,
    1,
    'The record was not sealed for this place or was changed; it is set aside. Tell its publisher.',
  ),
  KEY_UNKNOWN: row(
    'operator',
    403,
    5,
    'It was sealed before this space had a grant; ask ODCM for what came before: odcm grant SUBSCRIBER PUBLISHER/FEED --history',
  ),
  KEY_MISMATCH: row(
    'peer',
    422,
    1,
    'The publisher gave out a key that is not the one it committed to; nothing is opened with it. Tell the publisher and ODCM.',
  ),
  SENSITIVE_VALUE: row(
    'operator',
    422,
    5,
    'Publish it in a sealed feed: odcm feed create NAME --context CONTEXT --to SPACE,…',
  ),
  NO_SUCH_ENTRY: row('operator', 404, 4, 'List what is there with: odcm history FEED'),

  // Trust
  REVOKED: row(
    'peer',
    403,
    5,
    'This space was revoked by ODCM; ask the administrator of the mesh.',
  ),
  NOT_A_MEMBER: row(
    'peer',
    403,
    5,
    'Only spaces in the directory may connect; enrol first with: odcm join TOKEN',
  ),
  OUTCAST: row(
    'peer',
    403,
    5,
    'It passed on something provably false; it is let in again after a while. Look at what runs there.',
  ),
  NO_GRANT: row('operator', 403, 5, 'Ask ODCM for it: odcm grant SUBSCRIBER PUBLISHER/FEED'),
  READ_ONLY: row(
    'operator',
    403,
    5,
    'Only the publisher changes its feed; publish to a feed of your own.',
  ),
  NOT_ODCM: row('operator', 403, 5, 'Trust is changed at the ODCM node; run the command there.'),
  FEED_UNKNOWN: row('operator', 404, 4, 'See the known feeds with: odcm feeds'),
  SPACE_UNKNOWN: row('operator', 404, 4, 'See the known spaces with: odcm spaces'),
  ITEM_UNKNOWN: row('operator', 404, 4, 'See the items with: odcm items FEED'),
  CONTEXT_UNKNOWN: row('operator', 404, 4, 'Use one of the contexts of the directory: odcm status'),
  GRANT_UNKNOWN: row('operator', 404, 4, 'See the grants with: odcm grants'),
  SUBSCRIPTION_UNKNOWN: row('operator', 404, 4, 'See the subscriptions with: odcm subscriptions'),
  ALERT_UNKNOWN: row('operator', 404, 4, 'See the alerts with: odcm alerts --state all'),
  SILENCE_UNKNOWN: row('operator', 404, 4, 'See the silences with: odcm alerts silences'),
  RECORD_MISSING: row(
    'local',
    404,
    4,
    'The record has not arrived yet; fetch it with: odcm pull FEED',
  ),
  FEED_EXISTS: row(
    'operator',
    409,
    2,
    'Choose another name, or publish to the feed that is there.',
  ),
  SPACE_EXISTS: row('operator', 409, 2, 'Choose another name; see: odcm spaces'),

  CLOCK_REGRESSED: row(
    'local',
    503,
    1,
    'Correct the clock of this machine; the node goes on by itself. If it is right, and was ahead before: odcm run --accept-clock',
  ),

  // Root, certificates, enrolment
  ROOT_INVALID: row(
    'peer',
    422,
    5,
    'The root metadata does not verify; compare its fingerprint with your administrator.',
  ),
  ROOT_EXPIRED: row(
    'operator',
    422,
    5,
    'The root metadata has expired; the keepers of the root keys must sign a new version.',
  ),
  WRONG_MESH: row(
    'operator',
    409,
    5,
    'This belongs to another mesh; use a token of the mesh you mean, or another --home.',
  ),
  BAD_CERTIFICATE: row(
    'peer',
    422,
    5,
    'The certificate does not verify; ask ODCM to issue a new one.',
  ),
  BAD_REQUEST_PROOF: row(
    'peer',
    422,
    5,
    'A proof of possession in the request fails; make a new request with: odcm join TOKEN',
  ),
  WEAK_KEY: row(
    'peer',
    422,
    5,
    'The key is one that signs anything; make a new one with: odcm join TOKEN',
  ),
  TOKEN_MALFORMED: row(
    'operator',
    400,
    2,
    'Copy the whole token, it starts with odcm1. and has four parts.',
  ),
  TOKEN_UNKNOWN: row(
    'operator',
    403,
    5,
    'This ODCM never gave out that token; ask for one with: odcm invite SPACE',
  ),
  TOKEN_USED: row(
    'operator',
    403,
    5,
    'A token works once; ask for a new one with: odcm invite SPACE',
  ),
  TOKEN_EXPIRED: row('operator', 403, 5, 'Ask for a new one with: odcm invite SPACE'),
  KEYS_LOCKED: row(
    'operator',
    403,
    5,
    'Give the right passphrase: --passphrase-file FILE, ODCM_PASSPHRASE_FILE, or the service credential odcm-passphrase.',
  ),
  ALREADY_ENROLLED: row(
    'operator',
    409,
    2,
    'This folder belongs to a space already; use another --home.',
  ),

  // Publishing
  FILE_UNREADABLE: row('operator', 400, 1, 'Check the path and the permissions.'),
  FILE_EMPTY: row(
    'operator',
    422,
    1,
    'An empty file is never published; to take an item back use: odcm withdraw FEED ITEM',
  ),
  NOT_JSON: row(
    'operator',
    422,
    1,
    'This context promises UTF-8 JSON; correct the file and publish again.',
  ),
  EVENT_INVALID: row(
    'operator',
    422,
    1,
    'The event breaks its contract; the detail names the field.',
  ),
  NAME_INVALID: row(
    'operator',
    400,
    2,
    'Names are lower-case letters, digits and dashes; see odcm help.',
  ),

  // Running
  USAGE: row('operator', 400, 2, 'See: odcm help'),
  NODE_UNREACHABLE: row('operator', 503, 3, 'Start the node with: odcm run'),
  ODCM_UNREACHABLE: row(
    'operator',
    503,
    3,
    'This needs ODCM; try again when it is up. Everything else goes on meanwhile.',
  ),
  PEER_UNREACHABLE: row('peer', 503, 3, 'The peer does not answer; it is tried again by itself.'),
  TIMEOUT: row('peer', 504, 3, 'No answer in time; it is tried again by itself.'),
  BUSY: row('local', 429, 1, 'Too much at once; try again in a moment.'),
  NOT_INITIALISED: row(
    'operator',
    404,
    4,
    'Make a mesh with: odcm init MESH, or join one with: odcm join TOKEN',
  ),
  LOCKED: row(
    'operator',
    409,
    1,
    'Another process works on this folder; stop it, or use another --home.',
  ),
  STORE_MISSING: row(
    'local',
    500,
    1,
    'The store was there before; restore it from a backup, or look with: odcm fsck',
  ),
  STORE_DAMAGED: row('local', 500, 1, 'A stored value fails its check; look with: odcm fsck'),
  DISK_FULL: row(
    'local',
    507,
    1,
    'Free some space; the node goes on by itself. Nothing acknowledged is lost.',
  ),

  // Air gap
  BASE_MISSING: row('peer', 409, 5, 'Import the bundles before this one first: odcm gap ledger'),
  WRONG_DESTINATION: row('operator', 409, 5, 'Import it at the space that its manifest names.'),
  BUNDLE_OLD: row('peer', 409, 5, 'A newer bundle was imported already; ask for a new export.'),
  BUNDLE_EXPIRED: row('peer', 422, 5, 'Its time is over; ask for a new export.'),
  SCAN_REFUSED: row('operator', 422, 5, 'Look at the report of the malware scanner.'),
  IMPORT_UNKNOWN: row('operator', 404, 4, 'See the imports that wait with: odcm gap ledger'),
  APPROVAL_REFUSED: row('operator', 403, 5, 'Have it approved by somebody else.'),
  INTERNAL: row('local', 500, 1, 'This is a fault in the program; please report it with the log.'),
} as const satisfies Record<string, CodeRow>;

export type Code = keyof typeof CODES;

export interface MeshErrorOptions {
  /** What the reader does next, when better known here than in the table. */
  readonly next?: string;
  readonly cause?: unknown;
  /** Machine-readable facts about the refusal, shown by `--json`. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** A refusal with a stable code. `message` names the thing in one sentence without a full stop at its end. */
export class MeshError extends Error {
  readonly code: Code;
  readonly next: string;
  readonly detail: Readonly<Record<string, unknown>> | undefined;

  constructor(code: Code, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MeshError';
    this.code = code;
    this.next = options.next ?? CODES[code].next;
    this.detail = options.detail;
  }

  get fault(): Fault {
    return CODES[this.code].fault;
  }

  /** One line: code, thing, what to do. */
  get line(): string {
    return `${this.code}: ${this.message}. ${this.next}`;
  }
}

export function isMeshError(error: unknown, code?: Code): error is MeshError {
  return error instanceof MeshError && (code === undefined || error.code === code);
}

/** Any thrown value as a MeshError: what is not one already is a fault of the program. */
export function asMeshError(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new MeshError('INTERNAL', message, { cause: error });
}
