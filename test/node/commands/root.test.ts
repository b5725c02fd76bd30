import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { addRootSignatures } from '../../../certs/root-rotation.ts';
import { registerRoot } from '../../../node/commands/root.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { parseSpaceId, parseSpaceName } from '../../../protocols/ids.ts';
import { buildRootPayload, rootKeyId } from '../../../protocols/root.ts';
import { invoke } from '../../../tui/command-context.ts';
import { createProgram, GROUPS } from '../../../tui/program.ts';
import { testContext } from '../../tui/streams.ts';

const [rootKey, directoryKey] = [generateEd25519(), generateEd25519()];
const raw = ed25519Raw(directoryKey);
const POINT = `7:${'ab'.repeat(32)}`;
let folder: string;
let from: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odcm-root-'));
  from = join(folder, '1.root.json');
  const payload = buildRootPayload({
    ...{ version: 1, mesh: parseSpaceName('acme'), expiresMs: Date.now() + 1e9 },
    odcm: parseSpaceId('0199b7c2-1f00-4000-8000-000000000001'),
    roles: {
      root: { keys: [ed25519Raw(rootKey)], threshold: 1 },
      directory: { keys: [raw], threshold: 1 },
      timestamp: { keys: [ed25519Raw(generateEd25519())], threshold: 1 },
    },
    x509: { root: '0'.repeat(64), issuing: ['1'.repeat(64)] },
  });
  await writeFile(from, addRootSignatures({ payload, signatures: [] }, [rootKey]));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function rotate(...flags: string[]) {
  const out = join(folder, `${++count}.next.json`);
  const context = testContext();
  const program = createProgram({
    ...{ version: '1', context },
    commands: [
      (root) =>
        registerRoot(root, { group: GROUPS.trust, invoke: (self) => invoke(self, context) }),
    ],
  });
  await program.run(['root', 'rotate', '--from', from, '--out', out, ...flags]);
  const isWritten = await stat(out).then(
    () => true,
    () => false,
  );
  return { isWritten, err: context.stderr.text };
}

const added = ['--add-directory-key', ed25519Raw(generateEd25519()).toString('base64')];
const dropped = ['--drop-directory-key', rootKeyId(raw)];

describe('odcm root rotate --continue-directory', () => {
  it.each([{ flags: [] }, { flags: added }])(
    'is refused while the directory key stays ($flags.length flags)',
    async ({ flags }) => {
      const { isWritten, err } = await rotate('--continue-directory', POINT, ...flags);
      expect(isWritten).toBe(false);
      for (const text of ['USAGE', rootKeyId(raw), '--drop-directory-key', '--keep-directory-key'])
        expect(err).toContain(text);
    },
  );

  it('replaces the key in the same version, or keeps it where that is said', async () => {
    const replaced = await rotate('--continue-directory', POINT, ...added, ...dropped);
    expect(replaced).toEqual({ isWritten: true, err: '' });
    const kept = await rotate('--continue-directory', POINT, '--keep-directory-key');
    expect(kept).toEqual({ isWritten: true, err: '' });
  });

  it('alone asks for that: other versions keep the key as before', async () => {
    expect((await rotate('--days', '30')).isWritten).toBe(true);
  });
});
