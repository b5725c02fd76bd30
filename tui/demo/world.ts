// What the overview shows: every node asked once a second, answers of all laid together. A node that does not answer is
// part of the picture, not a fault.

import type { RouteResult } from '../../protocols/control-api.ts';
import type { Arrival } from './arrivals.ts';
import { type DemoMesh, howEnded, ODCM, SPACES, type Space } from './mesh.ts';
import type { Outcome } from './scenario.ts';

export interface SpaceView {
  readonly name: string;
  readonly state: 'online' | 'silent' | 'ended' | 'not started';
  /** In words, with the reason where there is one. */
  readonly status: string;
  readonly heardAgoMs: number | null;
  readonly peers: number | null;
  readonly feeds: number | null;
  readonly held: number | null;
  /** Entries a second, oldest first; null where nothing was known. */
  readonly rates: readonly (number | null)[];
}

export interface FeedView {
  readonly feed: string;
  readonly context: string;
  readonly size: number;
  readonly carriers: number;
  /** Spaces that take it, the publisher and those included that are away now. */
  readonly takers: number;
  readonly root: string | null;
}

export interface EventView {
  readonly timeMs: number;
  readonly feed: string;
  readonly item: string;
  readonly version: number;
  readonly entry: number;
  readonly spaces: number;
  readonly withinMs: number;
}

export interface World {
  readonly meshName: string;
  readonly folder: string;
  readonly upMs: number;
  readonly spaces: readonly SpaceView[];
  readonly feeds: readonly FeedView[];
  /** Newest first. */
  readonly events: readonly EventView[];
  readonly outcomes: readonly Pick<Outcome, 'title' | 'outcome' | 'summary'>[];
}

const ANSWER_MS = 800;
const RATES_KEPT = 60;
const EVENTS_KEPT = 50;

export interface Answer {
  readonly space: Space;
  readonly status: RouteResult<'status'>;
  readonly spaces: readonly RouteResult<'spaces'>[];
  readonly feeds: readonly RouteResult<'feeds'>[];
}

export interface Observer {
  look(): Promise<Pick<World, 'spaces' | 'feeds' | 'events'>>;
}

export function createObserver(mesh: DemoMesh): Observer {
  const rates = new Map<Space, (number | null)[]>(SPACES.map((space) => [space, []]));
  const counted = new Map<Space, number>();
  // What a node that is away had said counts on: its feeds do not vanish with it.
  const lastKnown = new Map<Space, Answer>();
  let lookedMs = performance.now();
  return {
    look: async () => {
      const found = await Promise.all(SPACES.map((space) => askNode(mesh, space)));
      const answers = found.filter((answer) => answer !== undefined);
      for (const answer of answers) lastKnown.set(answer.space, answer);
      const nowMs = performance.now();
      const seconds = Math.max(0.001, (nowMs - lookedMs) / 1000);
      lookedMs = nowMs;
      for (const [index, space] of SPACES.entries()) {
        const count = mesh.arrivals.countOf(space);
        const rate = (count - (counted.get(space) ?? count)) / seconds;
        counted.set(space, count);
        const series = rates.get(space)!;
        series.push(found[index] === undefined ? null : rate);
        if (series.length > RATES_KEPT) series.shift();
      }
      return {
        spaces: SPACES.map((space, index) =>
          spaceView(mesh, space, found[index], answers, rates.get(space)!),
        ),
        feeds: feedViews([...lastKnown.values()], answers),
        events: mesh.arrivals.newest(EVENTS_KEPT).map(eventView),
      };
    },
  };
}

async function askNode(mesh: DemoMesh, space: Space): Promise<Answer | undefined> {
  const options = { timeoutMs: ANSWER_MS };
  try {
    const [status, spaces, feeds] = await Promise.all([
      mesh.ask(space, 'status', options),
      mesh.rows(space, 'spaces', options),
      mesh.rows(space, 'feeds', options),
    ]);
    return { space, status, spaces, feeds };
  } catch {
    return undefined;
  }
}

function spaceView(
  mesh: DemoMesh,
  space: Space,
  answer: Answer | undefined,
  answers: readonly Answer[],
  rates: readonly (number | null)[],
): SpaceView {
  const heard = answers
    .filter((other) => other.space !== space)
    .map((other) => other.spaces.find(({ name }) => name === space)?.heardAgoMs ?? null)
    .filter((ms) => ms !== null);
  return {
    name: space,
    ...stateOf(mesh, space, answer !== undefined),
    heardAgoMs: heard.length === 0 ? null : Math.min(...heard),
    peers: answer?.status.peers.connected ?? null,
    feeds: answer?.feeds.filter(({ held }) => held > 0).length ?? null,
    held: answer?.feeds.reduce((sum, { held }) => sum + held, 0) ?? null,
    rates: [...rates],
  };
}

/** A node that answers is there, whoever started it. */
function stateOf(
  mesh: DemoMesh,
  space: Space,
  answers: boolean,
): Pick<SpaceView, 'state' | 'status'> {
  if (answers) return { state: 'online', status: space === ODCM ? 'online, ODCM' : 'online' };
  const node = mesh.node(space);
  if (node === undefined) return { state: 'not started', status: 'not started' };
  if (node.ending === undefined) return { state: 'silent', status: 'silent' };
  const isPlain = node.ending.code === 0;
  return { state: 'ended', status: isPlain ? 'stopped' : `ended, ${howEnded(node.ending)}` };
}

export function feedViews(known: readonly Answer[], current: readonly Answer[]): FeedView[] {
  const rowsOf = (answers: readonly Answer[], feed: string): RouteResult<'feeds'>[] =>
    answers.flatMap(({ feeds }) => feeds.filter((row) => row.feed === feed));
  const contexts = new Map(
    known.flatMap(({ feeds }) => feeds.map(({ feed, context }) => [feed, context] as const)),
  );
  return [...contexts.entries()]
    .map(([feed, context]) => {
      const rows = rowsOf(known, feed);
      const size = Math.max(...rows.map((row) => row.size ?? 0));
      const whole = rowsOf(current, feed).filter((row) => size > 0 && row.held >= size);
      const takers = rows.filter(isTaken).length;
      return { feed, context, size, carriers: whole.length, takers, root: whole[0]?.root ?? null };
    })
    .sort((a, b) => (a.feed < b.feed ? -1 : 1));
}

/** By its publisher, or by a subscriber whose grant is current. */
const isTaken = ({ grant, subscribed }: RouteResult<'feeds'>): boolean =>
  grant === 'own' || (grant !== null && subscribed);

function eventView({ event, at }: Arrival): EventView {
  const times = [...at.values()];
  return {
    timeMs: Date.parse(event.time),
    feed: event.feed,
    item: event.item,
    version: event.version,
    entry: event.index,
    spaces: at.size,
    withinMs: Math.max(...times) - Math.min(...times),
  };
}
