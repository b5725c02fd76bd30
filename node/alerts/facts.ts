// What the rules judge, as plain values: no rule knows where a figure comes from. A part that is null is not known at
// the moment; alerts that rest on it stay as they are.

import type { DirectoryAge } from '../directory/directory.ts';

/** `isolated`: not heard of over the network, and what it signs comes in files. */
export type SpaceState =
  | 'self'
  | 'online'
  | 'suspected'
  | 'offline'
  | 'isolated'
  | 'unknown'
  | 'revoked';

export interface SpaceFact {
  readonly space: string;
  readonly state: SpaceState;
  readonly heardAgoMs: number | null;
  /** The space that passed on what was heard last. */
  readonly heardVia: string | null;
  /** Of its certificate; null when none is known. */
  readonly certificateLeftMs: number | null;
  /** It lasts for long, because its successor comes with a courier. */
  readonly isRenewedByFile: boolean;
  readonly tags: readonly string[];
}

/** A feed that this node publishes or takes. */
export interface FeedFact {
  readonly feed: string;
  readonly isOwn: boolean;
  /** Entries that are missing here … */
  readonly behind: number;
  /** … and the age of the oldest of them. */
  readonly lagMs: number | null;
  readonly carriersWanted: number;
  /** Members that could carry it. */
  readonly carriersPossible: number;
  /** Those that have all of it; null when nothing is known of any. */
  readonly carriersComplete: number | null;
  /** Chosen ones of which nothing is known. */
  readonly carriersUnknown: number;
  /** Two histories under its publisher's key were seen. */
  readonly isForked: boolean;
  /** Entries that were published here and are held; null when nothing is. */
  readonly heldBack?: number | null | undefined;
}

/** Failed deployments of a space, or of a project in all spaces, in the window of the rule. */
export interface DeploymentFact {
  readonly kind: 'space' | 'project';
  readonly name: string;
  readonly failed: number;
  /** Failed in a window of that length in the time before, on average; null without any history. */
  readonly usual: number | null;
}

/** This machine's clock, against what others signed and against the latest time that was believed. */
export interface ClockFact {
  readonly state: 'good' | 'regressed' | 'ahead' | 'behind';
  readonly offByMs: number;
  readonly forMs: number;
}

export interface RefusalFact {
  readonly code: string;
  /** In the window of the rule. */
  readonly count: number;
}

export interface DiskFact {
  readonly path: string;
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** What was found damaged in the node's store and is not repaired yet. */
export interface StoreFact {
  readonly damaged: readonly { readonly what: string; readonly tries: number }[];
  readonly isRefetching: boolean;
}

export interface RouteFact {
  readonly name: string;
  readonly state: 'ok' | 'failing' | 'untried';
  readonly lastError: string | null;
  readonly queued: number;
}

/** What is under way across the air gap. */
export interface GapFact {
  /** Bundles that were brought and that nobody has let in or sent away. */
  readonly waiting: readonly {
    readonly exporter: string;
    readonly sequence: number;
    readonly waitingMs: number;
    readonly approvals: number;
    readonly needed: number;
  }[];
  /** By space: the oldest bundle that was made for it since the last one of which a receipt came. */
  readonly unacknowledged: readonly {
    readonly space: string;
    readonly sequence: number;
    readonly ageMs: number;
  }[];
  /** Spaces that have signed more receipts than came here, with the first number that did not. */
  readonly missing: readonly {
    readonly space: string;
    readonly count: number;
    readonly first: number;
  }[];
}

export interface Facts {
  readonly spaces: readonly SpaceFact[] | null;
  readonly feeds: readonly FeedFact[] | null;
  readonly deployments: readonly DeploymentFact[] | null;
  readonly directory: { readonly state: DirectoryAge; readonly ageMs: number | null } | null;
  /** Logs with two histories that do not go on yet, the directory among them; more than the feeds that are taken. */
  readonly forks?: readonly string[];
  /** Where another machine that uses this space's key says it is; null when there is none. */
  readonly keyInUseAt?: readonly string[] | null;
  readonly clock: ClockFact | null;
  readonly refusals: readonly RefusalFact[] | null;
  readonly disk: DiskFact | null;
  readonly store: StoreFact | null;
  /** Undefined where nothing ever crossed a gap. */
  readonly gap?: GapFact | null | undefined;
  readonly routes: readonly RouteFact[] | null;
  /** Why the configuration that lies in the folder is not in force; null when it is. */
  readonly configurationProblem: string | null;
}
