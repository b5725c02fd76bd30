import {
  cp,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  statfs,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { signCms } from '../../../certs/cms.ts';
import { onCrashpoint } from '../../../node/crashpoint.ts';
import { Quarantine } from '../../../node/gap/quarantine.ts';
import { bundleFiles } from '../../../node/gap/write-bundle.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../protocols/gap/manifest.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { tempFolder } from '../temp-folder.ts';
import { codeOf } from './refusal-code.ts';
import { drafts, later, Sites } from './sites.ts';

const HOUR_MS = 3_600_000;

async function sites(names?: string[]) {
  const made = await Sites.create(await tempFolder(), names);
  onTestFinished(() => made.close());
  const feed = await made.feed('library', 'variables', ['vault']);
  const [library, vault] = [made.site('library'), made.site('vault')];
  await made.publish(library, feed, drafts(20));
  return { made, feed, library, vault };
}

/** The same CAR under another manifest, signed by whoever: as a member with a valid key would forge it. */
async function forge(
  path: string,
  change: (manifest: Manifest) => Manifest,
  signer: { key: import('node:crypto').KeyObject; leafPem: string; issuingPem: string },
  signedMs?: number,
): Promise<void> {
  const files = bundleFiles(path);
  const manifest = change(decodeManifest(await readFile(files.manifest)));
  const content = encodeManifest(manifest);
  await writeFile(files.manifest, content);
  await writeFile(
    files.signature,
    signCms({ ...signer, content, nowMs: signedMs ?? manifest.createdMs }),
  );
}

async function signerOf(site: Sites['site'] extends (name: string) => infer S ? S : never) {
  const { leaf, issuing } = await site.home.certificates();
  return { key: await site.home.tlsKey(), leafPem: leaf, issuingPem: issuing };
}

const auditsOf = async (site: {
  node: { gap: { ledger: { audits(): AsyncIterable<unknown> } } };
}) =>
  (await Array.fromAsync(site.node.gap.ledger.audits())) as { what: string; code: string | null }[];

describe('an import', () => {
  it('brings directory, entries and items, and signs a receipt of it', async () => {
    const { made, feed, vault } = await sites();
    const { path } = await made.export('library', 'vault');
    const waiting = await vault.import(path);
    expect(waiting.state).toBe('waiting');
    expect(await vault.held(feed)).toBe(0);
    const applied = await vault.node.gap.imports.approve(waiting.space, 1, 'Bob', {
      signal: new AbortController().signal,
    });
    expect(applied).toMatchObject({ state: 'applied', sequence: 1, missing: 0 });
    expect(await vault.held(feed)).toBe(20);
    const item = await (await vault.node.feeds.open(feed)).view.item('item 7');
    expect(item?.index).toBe(7);
    expect(vault.node.gap.receipts.size).toBe(1);
  });

  it('takes nothing of a file that is another than the one that was checked a moment ago', async () => {
    const { made, feed, vault, library } = await sites();
    const { path } = await made.export('library', 'vault');
    const { manifest } = await vault.import(path);
    const kept = join(vault.home.paths.quarantine, manifest, 'bundle.car');
    const bytes = await readFile(kept);
    // In the payload of an event, which lies beside its entry in a segment.
    const at = bytes.indexOf('"payload":');
    expect(at).toBeGreaterThan(0);
    for (let found = at; found >= 0; found = bytes.indexOf('"payload":', found + 1))
      bytes[found + 11]! ^= 1;
    await writeFile(kept, bytes);
    const run = { signal: new AbortController().signal };
    const { imports } = vault.node.gap;
    expect(await codeOf(imports.approve(library.id, 1, 'Bob', run))).toBe('HASH_MISMATCH');
    expect(await vault.held(feed)).toBe(0);
  });

  it('is let in at once where nobody has to approve it', async () => {
    const { made, feed, vault } = await sites();
    Object.assign(vault.home.config, { gap: { approvals: 0 } });
    const { path } = await made.export('library', 'vault');
    expect((await vault.import(path)).state).toBe('applied');
    expect(await vault.held(feed)).toBe(20);
  });

  it('waits for two different people where two are asked for', async () => {
    const { made, vault } = await sites();
    Object.assign(vault.home.config, { gap: { approvals: 2 } });
    const { path } = await made.export('library', 'vault');
    expect((await vault.import(path, 'Bob')).state).toBe('waiting');
    expect(await codeOf(vault.import(path, 'Bob'))).toBe('APPROVAL_REFUSED');
    expect((await vault.import(path, 'Geoff')).state).toBe('applied');
  });

  it('under the rules for regulated data is never approved by who brought it', async () => {
    const { made, vault } = await sites();
    Object.assign(vault.home.config, { regulated: true });
    const { path } = await made.export('library', 'vault');
    expect(await codeOf(vault.import(path, 'Lisa'))).toBe('APPROVAL_REFUSED');
    expect((await vault.import(path, 'Bob')).state).toBe('waiting');
    expect((await vault.import(path, 'Geoff')).state).toBe('applied');
  });

  it('that was refused by a person may be brought again', async () => {
    const { made, feed, vault, library } = await sites();
    const { path } = await made.export('library', 'vault');
    await vault.import(path);
    const { imports } = vault.node.gap;
    const refused = await imports.refuse(library.id, 1, 'Bob', 'not today');
    expect(refused).toMatchObject({ state: 'refused', reason: 'not today' });
    const run = { signal: new AbortController().signal };
    expect(await codeOf(imports.approve(library.id, 1, 'Bob', run))).toBe('IMPORT_UNKNOWN');
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
    expect(await vault.held(feed)).toBe(20);
  });

  it('brings records of more bytes than are written at once, and many small ones behind them', async () => {
    const { made, feed, library, vault } = await sites();
    for (let at = 0; at < 600; at += 150) {
      const some = drafts(150, 2, 60_000).map((draft, i) => ({
        ...draft,
        item: `large ${at + i}`,
      }));
      await made.publish(library, feed, some);
    }
    await made.publish(library, feed, drafts(600, 3));
    const { path } = await made.export('library', 'vault');
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
    const { view, log } = await vault.node.feeds.open(feed);
    expect([log.size, view.applied, view.deadLetterCount]).toEqual([1220, 1220, 0]);
    expect((await view.item('large 599'))?.index).toBe(619);
    expect((await view.item('item 7'))?.index).toBe(627);
  });

  it('changes nothing when it is only looked at, or brought twice', async () => {
    const { made, vault } = await sites();
    const { path } = await made.export('library', 'vault');
    const run = { signal: new AbortController().signal };
    const { bundle } = await vault.node.gap.imports.stage(path, 'Lisa', run, true);
    expect(bundle.feeds).toMatchObject([{ entries: 20, added: 20, changed: 0, withdrawn: 0 }]);
    expect(bundle.feeds[0]?.items).toContain('item 19');
    expect(await Array.fromAsync(vault.node.gap.ledger.crossings('in'))).toEqual([]);
    await vault.import(path, 'Bob');
    expect((await vault.import(path)).state).toBe('applied');
    expect(vault.node.gap.receipts.size).toBe(1);
  });

  it('takes nothing from a bundle that waits when another CAR is brought under its manifest', async () => {
    const { made, feed, vault } = await sites();
    const { path } = await made.export('library', 'vault');
    await vault.import(path);
    const car = bundleFiles(path).car;
    await writeFile(car, Buffer.alloc((await readFile(car)).length));
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
    expect(await vault.held(feed)).toBe(20);
  });

  it('tells how far it is', async () => {
    const { made, vault } = await sites();
    const { path } = await made.export('library', 'vault');
    const phases: string[] = [];
    await vault.node.gap.imports.stage(path, 'Lisa', {
      signal: new AbortController().signal,
      onProgress: (phase, bytes, of) => {
        expect(bytes).toBeLessThanOrEqual(of);
        phases.push(phase);
      },
    });
    expect([...new Set(phases)]).toEqual(['copy', 'check']);
  });

  it('is finished at the next start when it was cut', async () => {
    const { made, feed, vault, library } = await sites();
    const { path } = await made.export('library', 'vault');
    await vault.import(path);
    const row = (await vault.node.gap.ledger.get('in', library.id, 1))!;
    await vault.node.gap.ledger.put({ ...row, state: 'applying' });
    await vault.restart();
    expect((await vault.node.gap.ledger.get('in', library.id, 1))?.state).toBe('applied');
    expect(await vault.held(feed)).toBe(20);
    expect(vault.node.gap.receipts.size).toBe(1);
  });

  it('that cannot be finished does not keep the node from starting, and is finished when its file comes again', async () => {
    const { made, feed, vault, library } = await sites();
    const { path } = await made.export('library', 'vault');
    await vault.import(path);
    const row = (await vault.node.gap.ledger.get('in', library.id, 1))!;
    await vault.node.gap.ledger.put({ ...row, state: 'applying' });
    const kept = join(vault.home.paths.quarantine, row.manifest, 'bundle.car');
    await writeFile(kept, Buffer.alloc(row.sizeBytes));
    await vault.restart();
    expect(await vault.node.gap.ledger.get('in', library.id, 1)).toMatchObject({
      state: 'applying',
      reason: expect.stringContaining('CAR'),
    });
    // Nobody has to approve it again.
    expect(await vault.import(path)).toMatchObject({ state: 'applied', reason: null });
    expect(await vault.held(feed)).toBe(20);
  });
});

describe('an import that a full disk stops in the middle', () => {
  /** From the first entries on that are in, nothing more is written. */
  async function stopped(
    which: 'logs' | 'blockStore',
    before: (all: Awaited<ReturnType<typeof sites>>) => Promise<void> = async () => {},
  ) {
    const all = await sites();
    await before(all);
    const { made, library, feed, vault } = all;
    await made.publish(library, feed, drafts(3, 2, 40_000));
    const disk = new FaultyStore(vault.disks[which]);
    await vault.stop();
    await vault.start({ ...vault.disks, [which]: disk });
    const { path } = await made.export('library', 'vault');
    onCrashpoint((name) => {
      if (name === 'import.after-log') disk.fails = 'full';
    });
    onTestFinished(() => onCrashpoint(undefined));
    await expect(vault.import(path, 'Bob')).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('bundle 1 of library is not in whole yet'),
    });
    onCrashpoint(undefined);
    disk.fails = undefined;
    const row = await vault.node.gap.ledger.get('in', library.id, 1);
    expect(row).toMatchObject({ state: 'applying', approvals: [{ by: 'Bob' }] });
    expect(vault.node.gap.receipts.size).toBe(0);
    return { ...all, path };
  }

  async function expectWhole({ vault, feed, library }: Awaited<ReturnType<typeof stopped>>) {
    expect((await vault.node.gap.ledger.get('in', library.id, 1))?.state).toBe('applied');
    expect(await vault.held(feed)).toBe(23);
    const { view } = await vault.node.feeds.open(feed);
    expect([view.applied, view.isLevel]).toEqual([23, true]);
    expect(vault.node.gap.receipts.size).toBe(1);
  }

  for (const which of ['logs', 'blockStore'] as const) {
    it(`is finished when the same file is imported again, where it was the database ${which}`, async () => {
      const all = await stopped(which);
      expect((await all.vault.import(all.path)).state).toBe('applied');
      await expectWhole(all);
    });

    it(`is finished at the next start, where it was the database ${which}`, async () => {
      const all = await stopped(which);
      await all.vault.restart();
      await expectWhole(all);
    });
  }

  it('is finished for whoever approves it again', async () => {
    const all = await stopped('blockStore');
    const { vault, library } = all;
    const run = { signal: new AbortController().signal };
    await vault.node.gap.imports.approve(library.id, 1, 'Geoff', run);
    await expectWhole(all);
  });

  it('is finished though its grant ended after the approval', async () => {
    const all = await stopped('blockStore', async ({ made, vault }) => {
      await made.ungrant('vault', 'library', 'variables');
      await made.grant('vault', 'library', 'variables', new Date(later(1)).toISOString());
      await made.tell(made.site('library'));
      await made.tell(vault);
    });
    all.made.nowMs = later(2);
    await all.vault.restart();
    await expectWhole(all);
  });

  it('takes its own file again though its grant ended after the approval', async () => {
    const all = await stopped('blockStore', async ({ made, vault }) => {
      await made.ungrant('vault', 'library', 'variables');
      await made.grant('vault', 'library', 'variables', new Date(later(1)).toISOString());
      await made.tell(made.site('library'));
      await made.tell(vault);
    });
    const { vault, library, made, path } = all;
    const { manifest } = (await vault.node.gap.ledger.get('in', library.id, 1))!;
    await rm(join(vault.home.paths.quarantine, manifest), { recursive: true });
    made.nowMs = later(2);
    expect((await vault.import(path)).state).toBe('applied');
    await expectWhole(all);
  });

  it('is ended by a person where its exporter was revoked meanwhile, and the audit log says what is in', async () => {
    const { made, vault, library } = await stopped('blockStore');
    await made.revoke('library');
    await made.tell(vault);
    await vault.restart();
    const { gap } = vault.node;
    const row = await gap.ledger.get('in', library.id, 1);
    expect(row).toMatchObject({ state: 'applying', reason: expect.stringContaining('revoked') });
    const ended = await gap.imports.refuse(library.id, 1, 'Geoff', 'library is shut out');
    const [directory] = ended.logs;
    const text = `library is shut out (ended; entries in already: directory ${directory!.to} of ${directory!.to}, library/variables 0 of 23)`;
    expect(ended).toMatchObject({ state: 'failed', reason: text });
    const audits = await Array.fromAsync(gap.ledger.audits());
    expect(audits).toContainEqual(
      expect.objectContaining({
        what: 'refused',
        subject: 'bundle 1 of library',
        by: 'Geoff',
        text,
      }),
    );
    await vault.restart();
    expect(await vault.node.gap.ledger.get('in', library.id, 1)).toEqual(ended);
    expect(vault.node.gap.receipts.size).toBe(0);
  });

  it('may be brought again after a person has ended it', async () => {
    const all = await stopped('blockStore');
    const { vault, library, path } = all;
    const { imports } = vault.node.gap;
    expect((await imports.refuse(library.id, 1, 'Bob', 'not today')).state).toBe('failed');
    expect(await codeOf(imports.refuse(library.id, 1, 'Bob', 'again'))).toBe('IMPORT_UNKNOWN');
    expect((await vault.import(path)).state).toBe('waiting');
    expect((await vault.import(path, 'Geoff')).state).toBe('applied');
    await expectWhole(all);
  });
});

describe('a bundle whose directory is dated in the future', () => {
  /** ODCM's clock is ahead: its revocation of the ledger comes with a head that the vault would let wait. */
  async function ahead() {
    const all = await sites(['library', 'vault', 'ledger']);
    const { made, library, vault } = all;
    // It knows all but the revocation.
    await made.tell(vault);
    const nowMs = made.nowMs;
    made.nowMs += 2 * LIMITS.clockSkewMs;
    await made.revoke('ledger');
    await made.tell(library);
    const { path } = await made.export('library', 'vault');
    made.nowMs = nowMs;
    await forge(path, (m) => ({ ...m, createdMs: nowMs }), await signerOf(library));
    return { ...all, path, ledger: made.site('ledger').id };
  }

  it('is refused before anything has an effect, and let in with its revocations when its time has come', async () => {
    const { made, vault, feed, path, ledger } = await ahead();
    await expect(vault.import(path, 'Bob')).rejects.toMatchObject({
      code: 'BUNDLE_EXPIRED',
      next: expect.stringContaining('Compare the clocks'),
    });
    expect(await Array.fromAsync(vault.node.gap.ledger.crossings('in'))).toEqual([]);
    expect(await vault.held(feed)).toBe(0);
    made.nowMs += 2 * LIMITS.clockSkewMs;
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
    expect(vault.node.directory.state.spaces.get(ledger)?.revoked).not.toBeNull();
  });

  it('is not in whole while the directory here lets its head wait', async () => {
    const { made, vault, library, path, ledger } = await ahead();
    made.nowMs += 2 * LIMITS.clockSkewMs;
    const waits = vi.spyOn(vault.node.directory, 'accept').mockResolvedValue('held');
    expect(await codeOf(vault.import(path, 'Bob'))).toBe('BUNDLE_EXPIRED');
    const row = await vault.node.gap.ledger.get('in', library.id, 1);
    expect([row?.state, vault.node.gap.receipts.size]).toEqual(['applying', 0]);
    waits.mockRestore();
    expect((await vault.import(path)).state).toBe('applied');
    expect(vault.node.directory.state.spaces.get(ledger)?.revoked).not.toBeNull();
  });
});

describe('a bundle in quarantine', () => {
  for (const act of ['open', 'signed'] as const)
    it(`is not taken up (${act}) when its manifest is not the one that it is called by`, async () => {
      const { made, vault } = await sites();
      const { path } = await made.export('library', 'vault');
      const { manifest: id } = await vault.import(path);
      const kept = join(vault.home.paths.quarantine, id, 'bundle.manifest');
      const manifest = decodeManifest(await readFile(kept));
      const quarantine = new Quarantine(vault.home.paths.quarantine);
      const whole = await quarantine[act](id);
      if ('file' in whole) await whole.file.close();
      await writeFile(kept, encodeManifest({ ...manifest, expiresMs: manifest.expiresMs + 1 }));
      expect(await codeOf(quarantine[act](id))).toBe('HASH_MISMATCH');
    });

  it('does not stay, nor wait for approval, when the disk cannot keep the end of it', async () => {
    const { made, vault } = await sites();
    const { path } = await made.export('library', 'vault');
    const { size } = await stat(`${path}.car`);
    const fails = await failSyncOf(size);
    expect(await codeOf(vault.import(path))).toBe('DISK_FULL');
    fails.mockRestore();
    expect(await readdir(vault.home.paths.quarantine)).toEqual([]);
    expect((await auditsOf(vault)).map(({ code }) => code)).toEqual(['DISK_FULL']);
    expect((await vault.import(path)).state).toBe('waiting');
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
  });
});

describe('a bundle that stopped in the middle, and whose copy is damaged', () => {
  it('is not finished from a new copy that the disk did not take', async () => {
    const { made, vault, library } = await sites();
    const { path } = await made.export('library', 'vault');
    const { manifest: id } = await vault.import(path);
    const waits = vi.spyOn(vault.node.directory, 'accept').mockResolvedValue('held');
    await codeOf(vault.import(path, 'Bob'));
    waits.mockRestore();
    const stateOf = async () => (await vault.node.gap.ledger.get('in', library.id, 1))?.state;
    expect(await stateOf()).toBe('applying');
    await truncate(join(vault.home.paths.quarantine, id, 'bundle.car'), 100);
    const fails = await failSyncOf((await stat(`${path}.car`)).size);
    expect(await codeOf(vault.import(path))).toBe('DISK_FULL');
    fails.mockRestore();
    expect(await readdir(vault.home.paths.quarantine)).toEqual([]);
    expect(await stateOf()).toBe('applying');
    expect((await vault.import(path)).state).toBe('applied');
  });
});

/** Syncs of files of this size fail, as on a disk that turns out to be full. */
async function failSyncOf(bytes: number) {
  const file = await open(import.meta.filename);
  const prototype = Object.getPrototypeOf(file) as FileHandle;
  await file.close();
  const sync = prototype.sync;
  return vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    if ((await this.stat()).size !== bytes) return sync.call(this);
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
}

describe('an import is refused', () => {
  it('at another space, and in another mesh', async () => {
    const { made, vault, library } = await sites(['library', 'vault', 'ledger']);
    const { path } = await made.export('library', 'vault');
    expect(await codeOf(made.site('ledger').import(path))).toBe('WRONG_DESTINATION');
    const signer = await signerOf(library);
    await forge(path, (m) => ({ ...m, mesh: 'a'.repeat(26) as never }), signer);
    expect(await codeOf(vault.import(path))).toBe('WRONG_MESH');
    expect((await auditsOf(vault)).map(({ code }) => code)).toEqual(['WRONG_MESH']);
  });

  it('when its time is over, also when the clock is put back afterwards', async () => {
    const { made, vault } = await sites();
    const { path } = await made.export('library', 'vault');
    made.nowMs = later(31);
    expect(await codeOf(vault.import(path))).toBe('BUNDLE_EXPIRED');
    made.nowMs = later(0) - HOUR_MS;
    expect(await codeOf(vault.import(path))).toBe('BUNDLE_EXPIRED');
  });

  it('when it is dated in the future', async () => {
    const { made, vault, library } = await sites();
    const { path } = await made.export('library', 'vault');
    const ahead = made.nowMs + LIMITS.clockSkewMs + 2_000;
    await forge(path, (m) => ({ ...m, createdMs: ahead }), await signerOf(library));
    expect(await codeOf(vault.import(path))).toBe('BUNDLE_EXPIRED');
  });

  it('when a later one was let in, and when its number belongs to another', async () => {
    const { made, vault, library } = await sites();
    const [one, two] = [
      await made.export('library', 'vault'),
      await made.export('library', 'vault'),
    ];
    await vault.import(two.path, 'Bob');
    expect(await codeOf(vault.import(one.path))).toBe('BUNDLE_OLD');
    await forge(two.path, (m) => ({ ...m, expiresMs: m.expiresMs + 1 }), await signerOf(library));
    expect(await codeOf(vault.import(two.path))).toBe('CONFLICT');
  });

  it('when it was signed before the last one, though its number is higher', async () => {
    const { made, vault, library } = await sites();
    made.nowMs += HOUR_MS;
    await vault.import((await made.export('library', 'vault')).path, 'Bob');
    const { path } = await made.export('library', 'vault');
    const earlier = made.nowMs - HOUR_MS / 2;
    await forge(path, (m) => ({ ...m, createdMs: earlier }), await signerOf(library));
    expect(await codeOf(vault.import(path))).toBe('BUNDLE_OLD');
  });

  it('when what it goes on from is not here', async () => {
    const { made, vault, library, feed } = await sites();
    await made.export('library', 'vault');
    await made.publish(library, feed, drafts(5, 2));
    const { path } = await made.export('library', 'vault', { base: { sequence: 1 } });
    expect(await codeOf(vault.import(path))).toBe('BASE_MISSING');
  });

  it('when there is no room for it twice, before anything of it is copied', async () => {
    const { made, vault, library } = await sites();
    const { path } = await made.export('library', 'vault');
    await mkdir(vault.home.paths.dir);
    const { bavail, bsize } = await statfs(made.folder);
    const sizeBytes = Math.ceil(bavail * bsize * 0.6);
    // A file with a hole: it takes no room itself.
    await truncate(bundleFiles(path).car, sizeBytes);
    const larger = { sizeBytes, blocks: LIMITS.bundleBlocks };
    await forge(path, (m) => ({ ...m, ...larger }), await signerOf(library));
    expect(await codeOf(vault.import(path))).toBe('DISK_FULL');
    expect(await readdir(vault.home.paths.dir)).not.toContain('gap');
  });

  it('when its signature is of another member, or of a time that is not its own', async () => {
    const { made, vault, library } = await sites(['library', 'vault', 'ledger']);
    const { path } = await made.export('library', 'vault');
    const other = await signerOf(made.site('ledger'));
    await forge(path, (m) => m, other);
    expect(await codeOf(vault.import(path))).toBe('BAD_CERTIFICATE');
    await forge(path, (m) => m, { ...(await signerOf(library)), key: other.key });
    expect(await codeOf(vault.import(path))).toBe('BAD_SIGNATURE');
    const signedMs = made.nowMs - 2 * HOUR_MS;
    await forge(path, (m) => m, await signerOf(library), signedMs);
    expect(await codeOf(vault.import(path))).toBe('BAD_CERTIFICATE');
  });

  it('when its exporter was shut out, also when only the bundle itself brings that news', async () => {
    const { made, vault, library } = await sites();
    const before = await made.export('library', 'vault');
    await made.revoke('library');
    await made.tell(library);
    const { path } = await made.export('library', 'vault');
    expect(await codeOf(vault.import(path))).toBe('REVOKED');
    expect(vault.node.directory.state.spaces.get(library.id)?.revoked).toBeNull();
    await made.tell(vault);
    expect(await codeOf(vault.import(before.path))).toBe('REVOKED');
  });

  it('when the space has no grant for what is in it', async () => {
    const { made, vault, library, feed } = await sites();
    const { path } = await made.export('library', 'vault');
    await made.ungrant('vault', 'library', 'variables');
    await made.tell(vault);
    expect(await codeOf(vault.import(path))).toBe('NO_GRANT');
    await made.tell(library);
    const row = library.node.directory.state.feeds.get(feed)!;
    expect(await codeOf(made.export('library', 'vault', { feeds: [row] }))).toBe('NO_GRANT');
  });

  it('when a feed has another history here', async () => {
    const { made, vault, library, feed } = await sites();
    await vault.import((await made.export('library', 'vault')).path, 'Bob');
    // As if its machine came back from a backup that was made before the export.
    const { disks } = library;
    await library.stop();
    const old = { ...disks, logs: await disks.logs.copy() };
    await library.start();
    await made.publish(library, feed, drafts(3, 2));
    const more = await made.export('library', 'vault', { base: { sequence: 1 } });
    await vault.import(more.path, 'Bob');
    await library.stop();
    library.disks = old;
    await library.start();
    await made.publish(library, feed, drafts(4, 3));
    await made.export('library', 'vault');
    const { path } = await made.export('library', 'vault');
    expect(await codeOf(vault.import(path))).toBe('CONFLICT');
    expect(await vault.held(feed)).toBe(23);
  });

  it('when the scanner of the site does not want it', async () => {
    const { made, vault } = await sites();
    const { path } = await made.export('library', 'vault');
    const scan = (script: string) => ({ gap: { scan: ['/bin/sh', '-c', script, 'scan'] } });
    Object.assign(vault.home.config, scan('echo found one; exit 3'));
    expect(await codeOf(vault.import(path))).toBe('SCAN_REFUSED');
    expect(await readdir(vault.home.paths.quarantine)).toEqual([]);
    Object.assign(vault.home.config, { gap: { scan: ['/nowhere/scan'] } });
    expect(await codeOf(vault.import(path))).toBe('SCAN_REFUSED');
    Object.assign(vault.home.config, scan('test -s "$1/bundle.car"'));
    expect((await vault.import(path, 'Bob')).state).toBe('applied');
  });

  it('when one of its files is missing, cut, or of another bundle', async () => {
    const { made, vault, library, feed } = await sites();
    const one = await made.export('library', 'vault');
    await made.publish(library, feed, drafts(5, 2));
    const two = await made.export('library', 'vault');
    const swap = async (ending: string) => {
      const folder = await tempFolder();
      await cp(join(made.folder, 'drop'), folder, { recursive: true });
      await cp(join(folder, `bundle-2${ending}`), join(folder, `bundle-1${ending}`));
      return codeOf(vault.import(join(folder, 'bundle-1')));
    };
    expect(await swap('.manifest.p7s')).toBe('HASH_MISMATCH');
    expect(await swap('.car')).toBe('HASH_MISMATCH');
    expect(await codeOf(vault.import(join(made.folder, 'nothing')))).toBe('FILE_UNREADABLE');
    expect(await vault.held(feed)).toBe(0);
    expect((await vault.import(one.path, 'Bob')).state).toBe('applied');
    expect((await vault.import(two.path, 'Bob')).state).toBe('applied');
  });
});
