// The door for inventory and deployments: one JSON object, or one a line in any number. Checks each against its contract,
// publishes in batches while it reads, and makes the feed when there is none yet. Adapters and files come in here too.

import type { RouteResult } from '../../protocols/control-api.ts';
import { asMeshError, type Code, MeshError } from '../../protocols/errors.ts';
import { parseContextName, parseFeedId, parseFeedName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { parseReported, type ReportContext, type Reported } from '../../protocols/reports.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { Publisher } from '../feed/publisher.ts';
import type { MeshNode } from '../node.ts';
import { linesOf } from './lines.ts';

/** A feed that was just created comes back from ODCM through the mesh within this time. */
const COME_BACK_MS = 10_000;

export type Taken = RouteResult<'reportDeploymentsIn'>;

/** Where reports of a context are published. */
export interface ReportFeed {
  readonly path: string;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly isNew: boolean;
  /** Whether any other space may have it. */
  readonly isShared: boolean;
}

export interface ReportIntakeOptions {
  readonly nowMs: () => number;
  /** Called when the first thing is about to be published. */
  readonly feedFor: (context: ReportContext) => Promise<ReportFeed>;
}

/** What is wrong with one report and says nothing about the next. */
export const REPORT_FAULTS: ReadonlySet<Code> = new Set<Code>([
  'TOO_LARGE',
  'NOT_JSON',
  'EVENT_INVALID',
  'NAME_INVALID',
]);

export class ReportIntake {
  readonly #o: ReportIntakeOptions;

  constructor(options: ReportIntakeOptions) {
    this.#o = options;
  }

  /** One object, whose refusal is thrown. @throws TOO_LARGE, NOT_JSON, EVENT_INVALID, NAME_INVALID, ODCM_UNREACHABLE */
  async takeOne(context: ReportContext, chunks: AsyncIterable<Uint8Array>): Promise<Taken> {
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const part of chunks) {
      sizeBytes += part.length;
      if (sizeBytes > LIMITS.reportBytes) throw tooLong();
      parts.push(part);
    }
    const reported = parseReported(context, Buffer.concat(parts), this.#o.nowMs());
    const delivery = new Delivery(this.#o, context);
    await delivery.publish([reported]);
    return delivery.result();
  }

  /** One object a line; refused lines are named and the others go on. The stream is read no faster than it is published. */
  async takeLines(context: ReportContext, chunks: AsyncIterable<Uint8Array>): Promise<Taken> {
    const delivery = new Delivery(this.#o, context);
    let batch: Reported[] = [];
    for await (const { number, bytes } of linesOf(chunks, LIMITS.reportBytes)) {
      try {
        if (!bytes) throw tooLong();
        batch.push(parseReported(context, bytes, this.#o.nowMs()));
      } catch (error) {
        delivery.refuse(number, asMeshError(error));
      }
      if (batch.length < LIMITS.batchEntries) continue;
      await delivery.publish(batch);
      batch = [];
    }
    await delivery.publish(batch);
    return delivery.result();
  }
}

const tooLong = (): MeshError =>
  new MeshError('TOO_LARGE', `one report is above ${LIMITS.reportBytes} bytes`);

/** What came of one request so far. */
class Delivery {
  readonly #o: ReportIntakeOptions;
  readonly #context: ReportContext;
  readonly #refused: Taken['refused'][number][] = [];
  #refusedCount = 0;
  #published = 0;
  #unchanged = 0;
  #feed: ReportFeed | undefined;

  constructor(options: ReportIntakeOptions, context: ReportContext) {
    this.#o = options;
    this.#context = context;
  }

  refuse(line: number, { code, message, cause }: MeshError): void {
    if (!REPORT_FAULTS.has(code)) throw cause ?? new MeshError(code, message);
    this.#refusedCount++;
    if (this.#refused.length < LIMITS.reportRefusals) this.#refused.push({ line, code, message });
  }

  async publish(batch: readonly Reported[]): Promise<void> {
    if (batch.length === 0) return;
    this.#feed ??= await this.#o.feedFor(this.#context);
    const drafts = batch.map(({ item, timeMs, payload }) => ({
      item,
      body: { payload },
      occurredTimeUtc: new Date(timeMs).toISOString(),
    }));
    try {
      for (const { status } of await this.#feed.publisher.publish(drafts)) {
        if (status === 'unchanged') this.#unchanged++;
        else this.#published++;
      }
    } catch (error) {
      const { code, message, next } = asMeshError(error);
      // What came before is durable; the same again is told apart and published once.
      const detail = { published: this.#published, unchanged: this.#unchanged };
      throw new MeshError(code, message, { next, detail, cause: error });
    }
  }

  result(): Taken {
    const { path, isNew = false, isShared = true } = this.#feed ?? {};
    return {
      feed: path ?? this.#context,
      created: isNew,
      published: this.#published,
      unchanged: this.#unchanged,
      refusedCount: this.#refusedCount,
      refused: this.#refused,
      next: isShared
        ? null
        : `No other space may have it yet. At ODCM type: odcm grant SPACE ${path}`,
    };
  }
}

const intakes = new WeakMap<MeshNode, ReportIntake>();

/** The one door of a node, whoever knocks: publishes to its own feeds `inventory` and `deployments`. */
export function intakeOf(node: MeshNode): ReportIntake {
  const intake = intakes.get(node) ?? createReportIntake(node);
  intakes.set(node, intake);
  return intake;
}

function createReportIntake(node: MeshNode): ReportIntake {
  const making = new Map<ReportContext, Promise<OpenFeed>>();
  /** Two requests at the same time make one feed. */
  const make = (context: ReportContext): Promise<OpenFeed> => {
    const made =
      making.get(context) ?? makeFeed(node, context).finally(() => making.delete(context));
    making.set(context, made);
    return made;
  };
  return new ReportIntake({
    nowMs: () => node.clock.nowMs(),
    feedFor: async (context) => {
      const row = node.directory.state.feedNamed(node.home.config.space, context);
      const feed = row ? await node.feeds.open(row.id) : await make(context);
      if (feed.row.context !== context || !feed.publisher) {
        throw new MeshError('FEED_EXISTS', `${feed.path} holds ${feed.row.context}`, {
          next: `Reports need a feed ${context} in the context of that name.`,
        });
      }
      const { path, publisher } = feed;
      return { path, publisher, isNew: !row, isShared: isShared(node, feed) };
    },
  });
}

async function makeFeed(node: MeshNode, context: ReportContext): Promise<OpenFeed> {
  const name = parseFeedName(context);
  const { id } = JSON.parse(
    await node.petitioner.petition({
      wish: 'feed',
      name,
      context: parseContextName(context),
      sync: 'chosen',
      to: [],
    }),
  ) as { id: string };
  const feed = await node.petitioner.awaitFeed(parseFeedId(id), COME_BACK_MS);
  node.provide(feed);
  return feed;
}

function isShared(node: MeshNode, { row }: OpenFeed): boolean {
  for (const { publisher, feed } of node.directory.state.grants.values())
    if (publisher === row.space && (feed === '*' || feed === row.id)) return true;
  return false;
}
