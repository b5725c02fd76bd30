// A secret in a sealed feed, looked for in every file of every node and in all that their processes said.

import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestMesh, until } from '../../e2e/mesh.ts';
import type { Row } from '../row.ts';

const SPACES = ['library', 'platform', 'payments'];

/** In the forms in which it may have been written down. */
function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  const wide = Buffer.from(secret, 'utf16le');
  // Base64 of it at each of the three offsets, without the ends that depend on the neighbours.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift, 32), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [
    bytes,
    wide,
    Buffer.from(bytes.toString('hex')),
    ...base64.map((text) => Buffer.from(text)),
  ];
}

async function findIn(folder: string, forms: readonly Buffer[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    const bytes = await readFile(join(folder, name)).catch(() => Buffer.alloc(0));
    if (forms.some((form) => bytes.includes(form))) found.push(name);
  }
  return found;
}

async function canaries() {
  const mesh = new TestMesh();
  const secret = `canary${randomBytes(24).toString('hex')}`;
  const name = `name${randomBytes(24).toString('hex')}`;
  try {
    await mesh.init();
    await mesh.spaces(...SPACES);
    await mesh.ask('library', 'createFeed', {
      body: { name: 'secrets', context: 'variables', to: ['platform'] },
    });
    await mesh.subscribe('platform', { feed: 'library/secrets' });
    const payload = { Name: 'Db.Password', Type: 'Sensitive', Value: secret };
    await mesh.ask('library', 'publishEvents', {
      query: { feed: 'secrets' },
      body: { drafts: [{ item: name, payload }] },
    });
    await until('the secret at its reader', async () => {
      const items = await mesh.items('platform', 'library/secrets');
      return items.length === 1 ? items : undefined;
    });
    const got = await mesh.content('platform', 'library/secrets', name);
    const isRead = got.toString().includes(secret);
    // Power is cut: what was in memory is not there to be found, what was on its way to the disk is.
    for (const space of ['odcm', ...SPACES]) await mesh.kill(space);
    const hits: string[] = [];
    let nodes = 0;
    for (const space of ['odcm', ...SPACES]) {
      nodes++;
      const isReader = space === 'library' || space === 'platform';
      const forms = isReader ? formsOf(secret) : [...formsOf(secret), ...formsOf(name)];
      for (const file of await findIn(mesh.home(space), forms)) hits.push(`${space}/${file}`);
    }
    const measured = `${hits.length} hits in the files of ${nodes} nodes${hits.length > 0 ? `: ${hits[0]}` : ''}`;
    return { measured, pass: isRead && hits.length === 0 };
  } finally {
    await mesh.close();
  }
}

export const rows: readonly Row[] = [
  {
    id: 'G06',
    what: 'a secret looked for as text, hex and base64 in all files of its publisher, a reader and two strangers; its name with the strangers',
    how: 'processes',
    expected: '0 hits',
    onlyLong: 'it starts four processes',
    run: canaries,
  },
];
