// What the kernel saw of a node without a network, and of whoever watches its drop folder, while hostile files lay in it.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { bundleFiles } from '../../../node/gap/write-bundle.ts';
import { createClient } from '../../../tui/client.ts';
import { REPOSITORY, TestMesh, until } from '../../e2e/mesh.ts';
import { verdictOf } from '../gap-site.ts';
import type { Outcome, Row, Size } from '../row.ts';
import { internetSockets, makeDevice, readTrace, traced, whyNotTraced } from '../traced.ts';

const PROGRAM = join(REPOSITORY, 'node', 'odcm.mjs');
/** Names that the node is asked for before and after, so that the trace tells what came between. */
const MARKS = ['from-here-on', 'up-to-here'] as const;
/** Those of the control socket, and those by which a program asks the kernel which interfaces there are. */
const LOCAL = new Set(['AF_UNIX', 'AF_NETLINK']);
const ENDINGS = ['manifest', 'signature', 'car'] as const;
type Ending = (typeof ENDINGS)[number];
const KINDS = ['link', 'relative link', 'endless', 'dangling', 'pipe', 'device', 'folder'] as const;
type Kind = (typeof KINDS)[number];
const NAMES = ['..', '-rf', 'x'.repeat(240), 'a\nb', '*', '$(id)'];

const row = {
  id: 'A05',
  what: 'the same under strace: a node that runs offline and the watcher of its drop folder, with decoys outside',
  how: 'processes',
  expected: '0 files opened outside their folders, 0 sockets but local ones, nothing let in',
} as const;
const notHere = whyNotTraced();

export const rows: readonly Row[] = [
  notHere === undefined
    ? { ...row, onlyLong: 'starts five processes, two of them under strace', run: watched }
    : { ...row, notHere },
];

async function watched({ folder: given, log }: Size): Promise<Outcome> {
  const mesh = new TestMesh();
  const folder = await realpath(given);
  const [outside, drop] = [join(folder, 'outside'), join(folder, 'drop')];
  try {
    await openMesh(mesh);
    await mkdir(outside);
    await mesh.ok('library', 'export', join(outside, 'bundle'), '--to', 'vault', '--by', 'Barry');
    const run = await startTraced(mesh, join(folder, 'node.trace'));
    const { pid } = await mesh.ask('vault', 'status');
    const sockets = await internetSockets(pid);
    await bring(mesh, join(drop, MARKS[0]));
    const stems = await hostileDrops(drop, outside);
    const verdicts: string[] = [];
    for (const stem of stems) verdicts.push(await bring(mesh, stem));
    await watchOnce(mesh, join(folder, 'watch.trace'), drop);
    await bring(mesh, join(drop, MARKS[1]));
    sockets.push(...(await internetSockets(pid)));
    const crossings = await mesh.ask('vault', 'crossings');
    // The decoys are what they look like, and the trace shows when one is opened.
    const isGood = (await bring(mesh, join(outside, 'bundle'))) === 'nothing';
    process.kill(pid, 'SIGTERM');
    await once(run, 'exit');

    const strays = [
      ...(await straysOf(join(folder, 'node.trace'), [drop, await realpath(mesh.home('vault'))])),
      ...(await openedBelow(join(folder, 'watch.trace'), folder, [drop])),
    ];
    const seen = await openedBelow(join(folder, 'node.trace'), outside, []);
    const families = await familiesOf(join(folder, 'node.trace'), join(folder, 'watch.trace'));
    log(`sockets: ${families.join(', ')}`);
    for (const one of [...strays, ...sockets]) log(one);
    const imported = verdicts.filter((verdict) => verdict === 'nothing').length;
    const remote = families.filter((family) => !LOCAL.has(family)).length + sockets.length;
    return {
      measured: `${strays.length} opened outside, ${remote} sockets to elsewhere, ${imported} of ${stems.length} let in`,
      pass: strays.length + remote + imported + crossings.length === 0 && isGood && seen.length > 0,
    };
  } finally {
    await mesh.close();
  }
}

async function openMesh(mesh: TestMesh): Promise<void> {
  await mesh.init();
  await mesh.spaces('library');
  await mesh.enlist('vault');
  await until('library knows vault', async () =>
    (await mesh.ask('library', 'spaces')).some(({ name }) => name === 'vault'),
  );
  const body = { name: 'variables', context: 'variables', to: ['vault'] };
  await mesh.ask('library', 'createFeed', { body });
  const drafts = [{ item: 'url', payload: { value: 'https://example.org' } }];
  await mesh.ask('library', 'publishEvents', { query: { feed: 'variables' }, body: { drafts } });
}

/** From its first call on. */
async function startTraced(mesh: TestMesh, trace: string) {
  const home = mesh.home('vault');
  const run = traced(trace, process.execPath, [PROGRAM, 'run', '--offline', '--home', home]);
  await until('vault runs', () => mesh.ask('vault', 'status'));
  return run;
}

async function watchOnce(mesh: TestMesh, trace: string, drop: string): Promise<void> {
  const args = ['gap', 'watch', drop, '--once', '--by', 'Lisa', '--home', mesh.home('vault')];
  const watcher = traced(trace, process.execPath, [PROGRAM, ...args]);
  watcher.stdout!.resume();
  watcher.stderr!.resume();
  await once(watcher, 'exit');
}

const bring = (mesh: TestMesh, path: string): Promise<string> =>
  verdictOf(async () => {
    const client = createClient({ home: mesh.home('vault') });
    await Array.fromAsync(client.follow('/v1/gap/imports', { path, by: 'Lisa' }));
  });

/** In folders of their own, each with one file that is none; and, in the drop folder itself, all of them with strange names. */
async function hostileDrops(drop: string, outside: string): Promise<string[]> {
  const decoys = bundleFiles(join(outside, 'bundle'));
  const stems: string[] = [];
  const put = async (stem: string, ending: Ending, kind: Kind) => {
    const own = bundleFiles(stem);
    for (const name of ENDINGS) if (name !== ending) await copyFile(decoys[name], own[name]);
    stems.push(stem);
    return await hostile(kind, own[ending], decoys[ending]);
  };
  for (const ending of ENDINGS)
    for (const kind of KINDS) {
      const folder = join(drop, `${ending} ${kind}`);
      await mkdir(folder, { recursive: true });
      await put(join(folder, 'bundle'), ending, kind);
    }
  for (const kind of KINDS) await put(join(drop, kind.replace(' ', '-')), 'manifest', kind);
  for (const name of NAMES) await symlink(decoys.manifest, join(drop, `${name}.manifest`));
  // A manifest that leads out of its folder by what it calls its CAR.
  const text = await readFile(decoys.manifest, 'utf8');
  const away = join(drop, 'away');
  await writeFile(`${away}.manifest`, text.replace('bundle.car', '../outside/bundle.car'));
  await copyFile(decoys.signature, `${away}.manifest.p7s`);
  return [...stems, ...NAMES.map((name) => join(drop, name)), away];
}

async function hostile(kind: Kind, path: string, decoy: string): Promise<void> {
  if (kind === 'link') await symlink(decoy, path);
  else if (kind === 'relative link') await symlink(relative(dirname(path), decoy), path);
  else if (kind === 'endless') await symlink('/dev/zero', path);
  else if (kind === 'dangling') await symlink('/nowhere/at/all', path);
  else if (kind === 'pipe') execFileSync('mkfifo', [path]);
  else if (kind === 'folder' || !makeDevice(path)) await mkdir(path);
}

/** What the node opened that is neither below these folders nor a part of the program itself. */
async function straysOf(trace: string, folders: readonly string[]): Promise<string[]> {
  const { opened } = await readTrace(trace, MARKS);
  const inside = [...folders, REPOSITORY, dirname(dirname(process.execPath))];
  return opened.filter((path) => !inside.some((folder) => isBelow(path, folder)));
}

/** What a command opened below one folder, other than these: the rest is its own start. */
async function openedBelow(
  trace: string,
  folder: string,
  others: readonly string[],
): Promise<string[]> {
  const { opened } = await readTrace(trace);
  return opened.filter((path) => isBelow(path, folder) && !others.includes(path));
}

const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);

async function familiesOf(...traces: string[]): Promise<string[]> {
  const all = await Promise.all(traces.map((trace) => readTrace(trace)));
  return [...new Set(all.flatMap(({ families }) => [...families]))];
}
