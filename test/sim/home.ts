// Keys, root metadata and folders of simulated nodes: real keys and real signatures, made from the seed, on no disk.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { signRoot } from '../../certs/root-keys.ts';
import { Home, homePaths } from '../../node/home/home.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { parseSpaceId, parseSpaceName, type SpaceId, uuidFromBytes } from '../../protocols/ids.ts';
import { buildRootPayload } from '../../protocols/root.ts';
import { type VerifiedRoot, verifyRootChain } from '../../protocols/root-chain.ts';
import type { Dice } from './time.ts';

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** No certificate is looked at here; the root names two all the same. */
const NO_CERTIFICATE = '0'.repeat(64);
const YEARS_AHEAD_MS = 1_800_000_000_000;

function newKey(dice: Dice): KeyObject {
  const key = Buffer.concat([PKCS8_ED25519, dice.bytes(32)]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

/** What makes a mesh: its root, and the keys that only ODCM has. */
export interface Foundation {
  readonly root: VerifiedRoot;
  readonly envelope: Buffer;
  readonly odcm: SpaceId;
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
  return { root, envelope, odcm, directoryKey, timestampKey };
}

export class SimHome extends Home {
  readonly key: KeyObject;
  readonly #foundation: Foundation;

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
    this.#foundation = foundation;
  }

  override nodeKey(): Promise<KeyObject> {
    return Promise.resolve(this.key);
  }

  override directoryKey(): Promise<KeyObject> {
    return Promise.resolve(this.#foundation.directoryKey);
  }

  override timestampKey(): Promise<KeyObject> {
    return Promise.resolve(this.#foundation.timestampKey);
  }
}
