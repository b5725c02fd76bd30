import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { certificatePin } from '../../../certs/chain.ts';
import { certificateEvent } from '../../../node/enrol/certificate-event.ts';
import { lifeOfSpace, stateOfLife, trustOf } from '../../../node/health/trust-life.ts';
import { TrustRow } from '../../../protocols/control-health.ts';
import type { SpaceRow } from '../../../protocols/directory.ts';
import { decodeRoot } from '../../../protocols/root.ts';
import {
  codeOf,
  DAY_MS,
  issueFor,
  LIBRARY,
  makeNode,
  makeTrustRoot,
  NOW_MS,
  SPACE,
  type TrustRoot,
} from '../../certs/fixtures.ts';

type Row = z.output<typeof TrustRow>;

describe('life of trust', () => {
  let trust: TrustRoot;
  let leaf: string;
  let row: SpaceRow;
  beforeAll(async () => {
    trust = await makeTrustRoot();
    leaf = issueFor(trust, (await makeNode()).request);
    const { sha256, space: id, ...certificate } = certificateEvent(SPACE, leaf);
    row = {
      ...{ id, name: LIBRARY, nodeKey: Buffer.alloc(32), exchangeKey: Buffer.alloc(32) },
      ...{
        certificateSha256: sha256,
        certificate,
        addresses: [],
        revoked: null,
        entry: 3,
        keys: [],
      },
      since: new Date(NOW_MS).toISOString(),
    };
  });

  const trustAt = (nowMs: number, rows: readonly SpaceRow[] = [row], issuing = trust.issuing) =>
    TrustRow.array().parse(
      trustOf({
        root: decodeRoot(trust.payload),
        files: { root: trust.root.certificatePem, issuing: issuing.certificatePem, leaf },
        spaces: rows,
        nowMs,
      }),
    );
  const of = (rows: readonly Row[], kind: Row['kind']) => rows.filter((r) => r.kind === kind);
  const revoked = { reason: 'lost', lastGood: {} };

  it('is told in the directory as the certificate itself says it', () => {
    expect(certificateEvent(SPACE, leaf)).toMatchObject({
      space: SPACE,
      sha256: certificatePin(leaf),
      notAfter: new Date(NOW_MS + 30 * DAY_MS).toISOString(),
    });
    expect(certificateEvent(SPACE, leaf).serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it('is not told of what is no certificate', () => {
    expect(codeOf(() => certificateEvent(SPACE, 'nothing'))).toBe('MALFORMED');
    const other = leaf.replace(/\n[^\n]+\n/, '\nAAAA\n');
    expect(codeOf(() => certificateEvent(SPACE, other))).toBe('BAD_CERTIFICATE');
  });

  it.each<[number, boolean, string]>([
    [15 * DAY_MS, false, 'valid'],
    [14 * DAY_MS, false, 'expiring'],
    [1, false, 'expiring'],
    [0, false, 'expired'],
    [-DAY_MS, false, 'expired'],
    [15 * DAY_MS, true, 'revoked'],
    [-DAY_MS, true, 'revoked'],
  ])('with %d ms left and revoked %s is %s', (leftMs, isRevoked, state) => {
    expect(stateOfLife(leftMs, 14 * DAY_MS, isRevoked)).toBe(state);
  });

  it('of a space goes from valid to expired, and is unknown without dates', () => {
    const stateAt = (days: number) => lifeOfSpace(row, NOW_MS + days * DAY_MS)?.state;
    expect([stateAt(0), stateAt(16), stateAt(30)]).toEqual(['valid', 'expiring', 'expired']);
    const notAfter = new Date(NOW_MS + 396 * DAY_MS).toISOString();
    const offline = { ...row, certificate: { ...row.certificate!, notAfter } };
    const offlineAt = (days: number) => lifeOfSpace(offline, NOW_MS + days * DAY_MS)?.state;
    expect([offlineAt(197), offlineAt(199), offlineAt(396)]).toEqual([
      'valid',
      'expiring',
      'expired',
    ]);
    expect(lifeOfSpace({ ...row, revoked }, NOW_MS)?.state).toBe('revoked');
    expect(lifeOfSpace({ ...row, certificate: null }, NOW_MS)).toBeUndefined();
  });

  it('has rows for root keys, both authorities and every space', () => {
    const rows = trustAt(NOW_MS);
    expect(rows.map(({ kind }) => kind)).toEqual([
      'root-key',
      'root-key',
      'root-key',
      'root',
      'issuing',
      'space',
    ]);
    expect(of(rows, 'root-key')[0]).toMatchObject({
      serial: null,
      leftMs: 365 * DAY_MS,
      state: 'valid',
    });
    const [[rootCa], [issuing], [space]] = [
      of(rows, 'root'),
      of(rows, 'issuing'),
      of(rows, 'space'),
    ];
    expect(rootCa).toMatchObject({
      subject: 'ODCM Root CA',
      issuer: null,
      fingerprint: trust.pins.root,
    });
    expect(issuing).toMatchObject({
      subject: 'ODCM Issuing CA',
      issuer: 'ODCM Root CA',
      state: 'valid',
    });
    expect(space).toMatchObject({
      ...{ subject: 'library', fingerprint: certificatePin(leaf), state: 'valid' },
      ...{ leftMs: 30 * DAY_MS, issuer: 'ODCM Issuing CA' },
    });
  });

  it('ends for the root metadata before it ends for the authorities', () => {
    const rows = trustAt(NOW_MS + 366 * DAY_MS);
    expect(of(rows, 'root-key').map(({ state }) => state)).toEqual([
      'expired',
      'expired',
      'expired',
    ]);
    expect([of(rows, 'root')[0]?.state, of(rows, 'issuing')[0]?.state]).toEqual(['valid', 'valid']);
  });

  it('of a space without dates has none, and of a revoked one is revoked', () => {
    const bare = { ...row, certificate: null };
    const [unknown, gone] = of(trustAt(NOW_MS, [bare, { ...bare, revoked }]), 'space');
    expect(unknown).toMatchObject({ serial: null, expiresAt: null, leftMs: null, state: 'valid' });
    expect(gone?.state).toBe('revoked');
  });

  it('does not count an authority that the root metadata does not name', async () => {
    const stranger = await makeTrustRoot();
    expect(of(trustAt(NOW_MS, [row], stranger.issuing), 'issuing')[0]?.state).toBe('revoked');
  });
});
