import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CODES } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { SCENARIOS } from '../../tui/demo/scenarios/index.ts';
import { listCommands, parseHelp } from '../docs/commands.ts';
import { documents } from '../docs/generate.ts';
import { repository } from '../docs/repository.ts';

describe('the documents', () => {
  it('are what `npm run docs` makes of the program as it is', async () => {
    for (const [path, text] of await documents()) {
      expect(readFileSync(join(repository, path), 'utf8'), `${path}: npm run docs`).toBe(text);
    }
  });

  it('have a line for every code and every limit', async () => {
    const made = await documents();
    for (const code of Object.keys(CODES)) expect(made.get('docs/ERRORS.md')).toContain(code);
    for (const name of Object.keys(LIMITS)) {
      expect(made.get('docs/LIMITS.md')).toContain(`| \`${name}\` |`);
    }
  });

  it('show the scenarios that the demo plays, in their order', () => {
    const readme = readFileSync(join(repository, 'README.md'), 'utf8');
    const headings = [...readme.matchAll(/^\d\. (.+)$/gm)].map(([, title]) => title);
    expect(headings).toEqual(SCENARIOS.map(({ title }) => title));
  });

  it('list every command of the program, those of a group one by one', async () => {
    const names = (await listCommands()).map(({ usage }) => usage.replace(/ \[?[A-Z].*/, ''));
    expect(names).toEqual([...new Set(names)]);
    for (const name of ['init', 'join', 'run', 'feed create', 'grant', 'publish', 'tail']) {
      expect(names).toContain(name);
    }
    expect(names).not.toContain('feed');
    expect(names).not.toContain('help');
  });

  it('keep a description whole that the help has broken into lines', () => {
    const help =
      'Trust:\n  init [options] <mesh>   make a trust root\n                          and a node\n';
    expect(parseHelp(help)).toEqual([
      { group: 'Trust', usage: 'init MESH', does: 'make a trust root and a node' },
    ]);
  });
});
