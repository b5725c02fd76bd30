// Control API: access that was taken away, who has applied it with the statement that shows it, and what could be read.

import type { RouteResult } from '../../protocols/control-api.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { type Presence, verifyPresence } from '../../protocols/presence.ts';
import { presenceBytes } from '../../protocols/signable.ts';
import { type Revocation, revocationsOf, standingOf } from '../directory/revocations.ts';
import { exposureFigures, exposureOf } from '../exposure.ts';
import { isContradicted } from '../fork/suspicion.ts';
import type { MeshNode } from '../node.ts';
import { type Handlers, iso } from './handler.ts';
import { heardOf } from './health-handlers.ts';

export const revocationHandlers: Pick<Handlers, 'revocations' | 'statement' | 'exposure'> = {
  async revocations({ node, query }) {
    const { state } = node.directory;
    const rows = revocationsOf(state, query.limit, query.from);
    const sizeOf = await sizesAt(node);
    return Promise.all(rows.map((one) => showRevocation(node, one, sizeOf)));
  },

  async statement({ node, query }) {
    const { state } = node.directory;
    const row = state.resolveSpace(query.space);
    const statement = node.receipts.of(row.id);
    if (!statement) {
      throw new MeshError('RECORD_MISSING', `nothing that ${row.name} signed is here yet`, {
        next: 'It comes by itself once the space is heard; see: odcm spaces',
      });
    }
    return showStatement(node, row, statement);
  },

  async exposure({ node, query }) {
    return exposureOf(node, node.directory.state.resolveSpace(query.space));
  },
};

/** How much of the directory a member is known to act on: what it said of an epoch that is over stands for nothing. */
async function sizesAt(node: MeshNode): Promise<(space: SpaceId) => number | undefined> {
  const { directory, receipts, home } = node;
  const sizes = new Map([[home.config.space, directory.applied.size]]);
  for (const space of directory.state.spaces.keys()) {
    const said = receipts.of(space)?.directory;
    if (!said || space === home.config.space) continue;
    const isOther =
      directory.epoch !== null && (await isContradicted(directory.shown, { checkpoint: said }));
    if (!isOther) sizes.set(space, said.size);
  }
  return (space) => sizes.get(space);
}

async function showRevocation(
  node: MeshNode,
  one: Revocation,
  sizeOf: (space: SpaceId) => number | undefined,
): Promise<RouteResult<'revocations'>> {
  const { state } = node.directory;
  const { applied, missing } = standingOf(state, one.entry, sizeOf);
  const nameOf = (space: SpaceId) => state.spaces.get(space)?.name ?? space;
  const { grant } = one;
  const feed = grant && grant.feed !== '*' ? state.feeds.get(grant.feed) : undefined;
  return {
    ...{ entry: one.entry, at: one.at, kind: one.kind, reason: one.reason },
    space: one.space === '*' ? 'all' : nameOf(one.space),
    what: !grant ? 'the mesh' : feed ? state.feedPath(feed) : nameOf(grant.publisher),
    applied: applied.length,
    of: applied.length + missing.length,
    ...(one.space === '*' ? {} : await exposureFigures(node, state.spaces.get(one.space))),
    missing: missing.map((row) => {
      const { state: health, heardAgoMs } = heardOf(node, row);
      const size = sizeOf(row.id) ?? null;
      return { space: row.name, state: health, heardAgoMs, size };
    }),
  };
}

function showStatement(
  node: MeshNode,
  row: SpaceRow,
  statement: Presence,
): RouteResult<'statement'> {
  const { mesh } = node.home.config;
  const { directory, timeMs, version, incarnation, signature } = statement;
  // One that was said before the key was changed is signed by the one before.
  const keys = [row.nodeKey, ...row.keys.map(({ nodeKey }) => nodeKey).reverse()];
  const key = keys.find((raw) => isSignedBy(node, statement, raw));
  return {
    ...{ space: row.name, id: row.id, saidAt: iso(timeMs), version },
    directory: { size: directory.size, root: directory.root.toString('hex') },
    incarnation: incarnation.toString('hex'),
    signed: presenceBytes({ mesh, ...statement }).toString('base64'),
    key: (key ?? row.nodeKey).toString('base64'),
    signature: signature.toString('base64'),
    isGenuine: key !== undefined,
  };
}

function isSignedBy(node: MeshNode, statement: Presence, raw: Buffer): boolean {
  try {
    verifyPresence(node.home.config.mesh, statement, ed25519FromRaw(raw));
    return true;
  } catch {
    return false;
  }
}
