// Control API: new keys of this space, and the next version of the root metadata at ODCM.

import { hash as digest } from 'node:crypto';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Handlers } from './handler.ts';

export const keyHandlers: Pick<Handlers, 'rotateKeys' | 'installRoot'> = {
  async rotateKeys({ node, signal }) {
    await node.rotation.rotate();
    const isInForce = await node.rotation.inForce(signal);
    const { name, space } = node.home.config;
    const keys = node.directory.state.spaces.get(space)?.keys.at(-1);
    const key = isInForce ? node.keys.current : await node.home.keys.get('nodeKeyNext');
    return {
      space: name,
      nodeKey: digest('sha256', ed25519Raw(key), 'hex'),
      entry: isInForce ? (keys?.entry ?? null) : null,
    };
  },

  async installRoot({ node, body }) {
    if (!node.odcm) {
      throw new MeshError('NOT_ODCM', `${node.home.config.name} is not the ODCM node`, {
        next: 'Install it there; every other node takes it over by itself.',
      });
    }
    const root = await node.odcm.installRoot(Buffer.from(body.envelope, 'base64'));
    return { version: root.versions, expires: root.root.expires };
  },
};
