// What a running ODCM node with a directory of a thousand spaces and three thousand feeds takes to answer what the dashboard
// asks, over its own control socket. Beside each, a bare HTTP server that sends the same bytes over such a socket.

import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom, systemTimers } from '../../node/clock.ts';
import { startControlServer } from '../../node/control/server.ts';
import { DirectoryWriter, directoryDraft } from '../../node/directory/writer.ts';
import { openHome } from '../../node/home/home.ts';
import { initMesh } from '../../node/home/init.ts';
import { silentLog } from '../../node/log.ts';
import { MeshNode } from '../../node/node.ts';
import { ROUTES } from '../../protocols/control-api.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { parseFeedId, parseSpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type BenchOptions, type Figure, median, percentile, timed } from './measurement.ts';

const ASKED = ['health', 'overview', 'spaces', 'feeds'] as const;
const TARGET_MS = 100;
const FEEDS = ['deployments', 'inventory', 'variables'] as const;

export async function* control({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const [spaces, rounds] = isQuick ? [50, 5] : [1_000, 60];
  const folder = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const dir = join(folder, 'odcm');
  const bits = { root: 2048, issuing: 2048, space: 2048 };
  await initMesh({ dir, meshName: 'bench', listen: ['/ip4/127.0.0.1/tcp/0'], rsaBits: bits });
  const system = { clock: systemClock, timers: systemTimers, random: systemRandom };
  const node = await MeshNode.create({ ...system, home: await openHome(dir), log: silentLog });
  try {
    await fill(node, spaces);
    await node.start();
    const server = await startControlServer(node);
    for (const route of ASKED) yield await measure(server.path, folder, route, rounds, spaces);
    await server.stop();
  } finally {
    await node.stop();
    await rm(folder, { recursive: true });
  }
}

async function fill(node: MeshNode, spaces: number): Promise<void> {
  const { home, directory, views, blocks, clock, random } = node;
  const writer = await DirectoryWriter.open({
    ...{ directory, views, blocks, clock, random, space: home.config.name },
    directoryKey: await home.directoryKey(),
    timestampKey: await home.timestampKey(),
  });
  const drafts = Array.from({ length: spaces }, (_, i) => draftsOf(i)).flat();
  for (let at = 0; at < drafts.length; at += LIMITS.batchEntries)
    await writer.appendAll(drafts.slice(at, at + LIMITS.batchEntries));
}

function draftsOf(i: number) {
  const space = parseSpaceId(randomUUID());
  const { publicKey } = generateKeyPairSync('ed25519');
  const enrolled = {
    ...{ space, name: `space-${i}`, nodeKey: ed25519Raw(publicKey).toString('base64') },
    exchangeKey: randomBytes(32).toString('base64'),
    certificateSha256: randomBytes(32).toString('hex'),
    addresses: [`/ip4/10.1.${i >> 8}.${i & 255}/tcp/4001`],
  };
  const feeds = FEEDS.map((name) => {
    const feed = parseFeedId(randomUUID());
    const row = { feed, space, name, context: name, sync: 'chosen' };
    return directoryDraft('FeedCreatedV1Event', row as never, `feed/${feed}`);
  });
  return [directoryDraft('SpaceEnrolledV1Event', enrolled as never, `space/${space}`), ...feeds];
}

async function measure(
  socketPath: string,
  folder: string,
  route: (typeof ASKED)[number],
  rounds: number,
  spaces: number,
): Promise<Figure> {
  const { path } = ROUTES[route];
  const body = await fetched(socketPath, path);
  const bare = createServer((_, response) => response.end(body));
  const barePath = join(folder, 'bare.sock');
  await new Promise<void>((resolve) => bare.listen(barePath, resolve));
  const [ours, floor]: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours!.push(await timed(() => fetched(socketPath, path)));
    floor!.push(await timed(() => fetched(barePath, path)));
  }
  await new Promise((resolve) => bare.close(resolve));
  return {
    ...{ name: `control-${route}`, unit: 'ms (p95)', better: 'lower', target: TARGET_MS },
    ...{ ours: percentile(ours!, 0.95), floor: percentile(floor!, 0.95) },
    detail: { spaces, rounds, medianMs: median(ours!), answerBytes: body.length },
  };
}

function fetched(socketPath: string, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks));
        else reject(new Error(`${path}: ${Buffer.concat(chunks).toString('utf8')}`));
      });
    }).once('error', reject);
  });
}
