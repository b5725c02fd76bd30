// Keeps the certificate of this space valid: at half of its life, or when it no longer fits key or root, ODCM is asked for
// the next one, which is verified before it takes the place of the last. Loads node-forge when it asks.

import { certificateFacts } from '../../certs/certificate-facts.ts';
import { type VerifiedChain, verifyChain } from '../../certs/chain.ts';
import type { CertificateFiles } from '../../certs/message-fields.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { isMeshError } from '../../protocols/errors.ts';
import type { Wish } from '../../protocols/petition.ts';
import type { Clock } from '../clock.ts';
import type { Home } from '../home/home.ts';
import type { Log } from '../log.ts';
import { Turn } from '../turn.ts';
import { assertOurs, parseCertificateFiles, writeCertificates } from './own-certificate.ts';
import type { OwnKeys } from './own-keys.ts';

export interface CertificateKeeperOptions {
  readonly home: Home;
  readonly keys: OwnKeys;
  readonly clock: Clock;
  readonly log: Log;
  /** Asks ODCM. */
  readonly petition: (wish: Wish) => Promise<string>;
}

export class CertificateKeeper {
  readonly #o: CertificateKeeperOptions;
  readonly #turn = new Turn();

  constructor(options: CertificateKeeperOptions) {
    this.#o = options;
  }

  /** Renews when it is time. @returns whether there is a new certificate now */
  look(): Promise<boolean> {
    return this.#turn.take(async () => {
      const reason = await this.#reason();
      if (reason === undefined) return false;
      await this.#renew();
      this.#o.log.info({ reason }, 'the certificate of this space was renewed');
      return true;
    });
  }

  /** Why there should be a new one; undefined while the one that is here is good. */
  async #reason(): Promise<string | undefined> {
    const { home, keys, clock } = this.#o;
    try {
      const files = await home.certificates();
      const chain = this.#verify(files);
      if (!chain.nodeKey.equals(ed25519Raw(keys.current))) return 'the node key is another';
      const { notBefore } = certificateFacts(files.leaf);
      const halfMs = (Date.parse(notBefore) + chain.expiresMs) / 2;
      return clock.nowMs() >= halfMs ? 'half of its life is over' : undefined;
    } catch (error) {
      if (isMeshError(error, 'BAD_CERTIFICATE')) return error.message;
      throw error;
    }
  }

  #verify({ leaf, issuing, root }: CertificateFiles): VerifiedChain {
    const { home, clock } = this.#o;
    const { mesh, space } = home.config;
    const pems = { leafPem: leaf, issuingPem: issuing, rootPem: root };
    return verifyChain({ ...pems, pins: home.root.root.x509, mesh, space, nowMs: clock.nowMs() });
  }

  async #renew(): Promise<void> {
    const { home, keys, petition } = this.#o;
    const [rsaKey, { createRequest }, { spkiOf }] = await Promise.all([
      home.tlsKey(),
      import('../../certs/request.ts'),
      import('../../certs/rsa.ts'),
    ]);
    const nodeKey = keys.current;
    const csr = createRequest({ rsaKey, nodeKey, commonName: home.config.name });
    const files = parseCertificateFiles(await petition({ wish: 'certificate', csr }));
    assertOurs(this.#verify(files), { nodeKey, spkiDer: spkiOf(rsaKey), name: home.config.name });
    // A stop in between leaves files that do not fit each other: the next look finds that and asks again.
    await writeCertificates(home.paths, files);
  }
}
