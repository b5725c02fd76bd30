import { describe, expect, it } from 'vitest';
import { MeshError } from '../../../protocols/errors.ts';
import { clipboard, open } from './bench.ts';

describe('copying and exporting', () => {
  it('puts the name on the clipboard and says so', async () => {
    const bench = await open();
    await bench.type('1', ':sort name\r', 'g', 'y');
    expect(clipboard(bench)).toEqual(['café-0012']);
    expect(bench.text()).toContain('copied: café-0012');
  });

  it('copies the command that prints the same', async () => {
    const bench = await open();
    await bench.type(':report deployments 30d by project\r', 'c');
    expect(clipboard(bench)).toEqual(['odcm report deployments --since 30d --by project']);
  });

  it('copies a command that the shell takes as it is', async () => {
    const bench = await open();
    await bench.type(':report deployments 30d by environment\r');
    await bench.advance(1_000);
    await bench.type(':sort name\r', 'g', '\r', 'c');
    await bench.type(':space ledger-0002\r', 'd', 'c');
    await bench.type('7', 'A', ':copy-command\r');
    expect(clipboard(bench)).toEqual([
      "odcm deployments --environment 'Production EU' --since 30d",
      'odcm deployments ledger-0002 --since 30d',
      'odcm alerts --state all',
    ]);
  });

  it('writes what is shown, filtered, as csv', async () => {
    const bench = await open();
    await bench.type('1', '/pay status=offline\r', ':export csv out.csv\r');
    expect(bench.files.get('out.csv')?.split('\r\n')).toHaveLength(5);
    expect(bench.text()).toContain('wrote out.csv');
  });

  it('writes only the marked rows when some are marked', async () => {
    const bench = await open();
    await bench.type('1', '  ', 'e', '\r');
    const [[name, text] = ['', '']] = [...bench.files];
    expect(name).toMatch(/^odcm-spaces-2026-11-21-10-42-\d\d\.csv$/);
    expect(text.split('\r\n')).toHaveLength(4);
  });

  it('says so when there is too much for a clipboard', async () => {
    const bench = await open();
    await bench.type('1', 'e', 'jjj', '\r');
    expect(clipboard(bench)).toEqual([]);
    expect(bench.text()).toContain('Too much for the clipboard');
  });
});

describe('changes', () => {
  it.each([':revoke ledger-0002\r', ':grant all ledger-0002/deployments\r', ':invite new-space\r'])(
    'are refused read-only: %s',
    async (line) => {
      const bench = await open();
      await bench.type(line);
      expect(bench.text()).toContain('read-only');
      expect(bench.world.sent).toEqual([]);
    },
  );

  it('need the name, exactly', async () => {
    const bench = await open({ allowChanges: true });
    expect(bench.text()).toContain('read-write');
    await bench.type(':revoke ledger-0002\r', 'ledger-000\r');
    expect(bench.text()).toContain('That is not the name; nothing was changed.');
    expect(bench.world.sent).toEqual([]);
    await bench.type('2', '\r');
    expect(bench.world.sent).toEqual([
      { method: 'POST', path: '/v1/revocations', body: { space: 'ledger-0002' } },
    ]);
    expect(bench.text()).toContain('ledger-0002 is revoked (directory entry 77)');
  });

  it('are given up with esc', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type(':revoke ledger-0002\r', 'ledger-0002', '\x1b');
    expect(bench.text()).toContain('Nothing was changed.');
    expect(bench.world.sent).toEqual([]);
  });

  it('say what the node said when it refuses', async () => {
    const bench = await open({ allowChanges: true });
    bench.world.instead.set('/v1/revocations', () => ({ nonsense: true }));
    await bench.type(':revoke ledger-0002\r', 'ledger-0002\r');
    expect(bench.text()).toContain('INTERNAL: the answer of the node to POST /v1/revocations');
  });

  it('acknowledge an alert', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type('7', 'a');
    expect(bench.world.sent).toEqual([
      {
        method: 'POST',
        path: '/v1/alerts/acknowledgements',
        body: { id: 'alert-0', by: 'barry', why: '' },
      },
    ]);
  });
});

describe('the air gap', () => {
  const approval = { exporter: 'library-0008', sequence: 17, by: 'barry' };

  it.each([
    ':export production-0009 /mnt/usb0/b\r',
    ':import /mnt/usb0/b\r',
    ':approve library-0008 17\r',
    ':refuse library-0008 17 not agreed\r',
  ])('is crossed by nothing read-only: %s', async (line) => {
    const bench = await open();
    await bench.type('9', line);
    expect(bench.text()).toContain('read-only');
    expect(bench.world.sent).toEqual([]);
  });

  it('is crossed by a bundle that waits once its exporter was typed, in the name of who sits here', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type('9');
    await bench.advance(2_000);
    await bench.type('j', 'x', '\r', 'library-000\r');
    expect(bench.world.sent).toEqual([]);
    expect(bench.text()).toContain('spaces that are shut out: data-0017');
    await bench.type('8', '\r');
    expect(bench.world.sent).toEqual([
      { method: 'POST', path: '/v1/gap/approvals', body: approval },
    ]);
    expect(bench.text()).toContain('bundle 17 of library-0008: applied');
  });

  it('is not crossed by what is refused, and why stands beside it', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type(':refuse library-0008 17 not agreed yet\r', 'library-0008\r');
    expect(bench.world.sent).toEqual([
      {
        method: 'POST',
        path: '/v1/gap/refusals',
        body: { ...approval, reason: 'not agreed yet' },
      },
    ]);
    expect(bench.text()).toContain('bundle 17 of library-0008 is refused');
  });

  it('is crossed outwards into a file, and inwards from one', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type(':export production-0009 /mnt/usb0/b\r', 'production-0009\r');
    expect(bench.text()).toContain('bundle 92 for production-0009: 6 entries');
    await bench.type(':import /mnt/usb0/b\r', 'b\r');
    expect(bench.text()).toContain('bundle 17 of library-0008: waiting, 0 of 2 approvals');
    expect(bench.world.sent).toEqual([
      {
        method: 'POST',
        path: '/v1/gap/exports',
        body: { path: '/mnt/usb0/b', to: 'production-0009', by: 'barry', base: 'acknowledged' },
      },
      {
        method: 'POST',
        path: '/v1/gap/imports',
        body: { path: '/mnt/usb0/b', by: 'barry', dryRun: false },
      },
    ]);
  });

  it('takes no bundle for a number that is none', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type(':approve library-0008 seventeen\r');
    expect(bench.text()).toContain('USAGE: "seventeen" is not the number of a bundle');
    expect(bench.world.sent).toEqual([]);
  });

  it('says why it does not know what a bundle changes, and stays', async () => {
    const bench = await open();
    bench.world.instead.set('/v1/gap/import', () => {
      throw new MeshError('BAD_SIGNATURE', 'the manifest is not signed by its exporter');
    });
    await bench.type('9');
    await bench.advance(2_000);
    await bench.type('j');
    expect(bench.text()).toContain('BAD_SIGNATURE: the manifest is not signed by its exporter');
    expect(bench.text()).toContain('live');
  });
});
