// Keys, root metadata and folders of simulated nodes: real keys and real signatures, made from the seed, on no disk.

import type { KeyObject } from 'node:crypto';
import { signRoot } from '../../certs/root-keys.ts';
import { Home, homePaths } from '../../node/home/home.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { parseSpaceId, parseSpaceName, type SpaceId, uuidFromBytes } from '../../protocols/ids.ts';
import { buildRootPayload } from '../../protocols/root.ts';
import { type VerifiedRoot, verifyRootChain } from '../../protocols/root-chain.ts';
import { newKey, SimKeys } from './keys.ts';
import type { Dice } from './time.ts';

/** No certificate is looked at here; the root names two all the same. */
const NO_CERTIFICATE = '0'.repeat(64);
const YEARS_AHEAD_MS = 1_800_000_000_000;

/** What makes a mesh: its root, and the keys that only ODCM has. */
export interface Foundation {
  readonly root: VerifiedRoot;
  readonly envelope: Buffer;
  readonly odcm: SpaceId;
  readonly rootKey: KeyObject;
  readonly directoryKey: KeyObject;
  readonly timestampKey: KeyObject;
}

export function layFoundation(dice: Dice): Foundation {
  const [rootKey, directoryKey, timestampKey] = [newKey(dice), newKey(dice), newKey(dice)];
  const odcm = parseSpaceId(uuidFromBytes(dice.bytes(16)));
  const role = (key: KeyObject) => ({ keys: [ed25519Raw(key)], threshold: 1 });
  const payload = buildRootPayload({
    version: 1,
    mesh: parseSpaceName('simulated'),
    expiresMs: YEARS_AHEAD_MS,
    odcm,
    roles: {
      root: role(rootKey),
      directory: role(directoryKey),
      timestamp: role(timestampKey),
    },
    x509: { root: NO_CERTIFICATE, issuing: [NO_CERTIFICATE] },
  });
  const envelope = signRoot(payload, [rootKey]);
  const root = verifyRootChain([envelope], { nowMs: 0 });
  return { root, envelope, odcm, rootKey, directoryKey, timestampKey };
}

export class SimHome extends Home {
  override readonly keys: SimKeys;
  readonly key: KeyObject;
  /** What is sealed for the space is sealed for its public half. */
  readonly sealing: KeyObject;

  constructor(foundation: Foundation, name: string, role: 'odcm' | 'space', dice: Dice) {
    const space = parseSpaceId(uuidFromBytes(dice.bytes(16)));
    const config = {
      version: 1 as const,
      mesh: foundation.root.meshId,
      meshName: foundation.root.root.mesh,
      space: role === 'odcm' ? foundation.odcm : space,
      name: parseSpaceName(name),
      role,
      listen: ['/ip4/10.0.0.1/tcp/4001'],
      acceptForced: false,
    };
    super(homePaths('/nowhere'), config, [foundation.envelope], foundation.root);
    this.key = newKey(dice);
    this.sealing = newKey(dice, 'x25519');
    const { directoryKey, timestampKey } = foundation;
    this.keys = new SimKeys({
      ...{ nodeKey: this.key, exchangeKey: this.sealing },
      ...(role === 'odcm' ? { directoryKey, timestampKey } : {}),
    });
  }

  override localKey(): Promise<KeyObject> {
    return this.keys.localKey();
  }

  protected override keepRoot(): Promise<void> {
    return Promise.resolve();
  }
}
