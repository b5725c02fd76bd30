import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseDeployment, parseInventory } from '../../../protocols/reports.ts';
import { DEPLOYMENT_SHAPE, INVENTORY_SHAPE } from '../../../tui/commands/report-in.ts';
import { type CannedNode, type Received, refusal, startCannedNode } from './canned-node.ts';

let node: CannedNode;
beforeEach(async () => {
  node = await startCannedNode();
});
afterEach(() => node.stop());

const TAKEN = {
  ...{ feed: 'library/deployments', created: false, published: 2, unchanged: 1 },
  ...{ refusedCount: 0, refused: [], next: null },
};

async function fileNamed(name: string, text: string): Promise<string> {
  const path = join(node.home, name);
  await writeFile(path, text);
  return path;
}

/** Answers with `taken` and keeps what came. */
function answer(route: 'reportDeploymentsIn' | 'reportInventoryIn', taken: object = TAKEN) {
  const came: { text: string; type: string | undefined } = { text: '', type: undefined };
  Object.assign(node.answers, {
    [route]: async ({ content, response }: Received) => {
      came.text = String(await content());
      came.type = response.req.headers['content-type'];
      return taken;
    },
  });
  return came;
}

describe('odcm deployments add', () => {
  it('sends a file of lines as it is', async () => {
    const came = answer('reportDeploymentsIn');
    const file = await fileNamed('deployments.jsonl', '{"id":"1"}\n{"id":"2"}\n');
    const { exitCode, out } = await node.odcm(['deployments', 'add', file]);
    expect([exitCode, came.type]).toEqual([0, 'application/x-ndjson']);
    expect(came.text).toBe('{"id":"1"}\n{"id":"2"}\n');
    expect(out).toBe('to library/deployments: published 2, unchanged 1, refused 0\n');
  });

  it('reads lines from standard input', async () => {
    const came = answer('reportDeploymentsIn');
    const stdin = Readable.from([Buffer.from('{"id":"1"}\n')]);
    await node.odcm('deployments add -', { stdin });
    expect([came.type, came.text]).toEqual(['application/x-ndjson', '{"id":"1"}\n']);
  });

  it('names the refused lines, made fit to be shown, and ends with 1', async () => {
    answer('reportDeploymentsIn', {
      ...TAKEN,
      ...{
        refusedCount: 3,
        refused: [{ line: 2, code: 'EVENT_INVALID', message: 'bad \u001b[2J' }],
      },
    });
    const file = await fileNamed('deployments.jsonl', '{}\n');
    const { exitCode, err } = await node.odcm(['deployments', 'add', file]);
    expect(exitCode).toBe(1);
    expect(err).toContain('odcm: line 2: EVENT_INVALID: bad [2J');
    expect(err).toContain('and 2 more lines');
    expect(err).toContain('See what a line must hold: odcm help deployments add');
  });

  it('leaves the node alone when the file is empty or not there', async () => {
    answer('reportDeploymentsIn');
    const empty = await node.odcm(['deployments', 'add', await fileNamed('none.jsonl', '')]);
    expect([empty.exitCode, empty.err]).toEqual([1, expect.stringContaining('FILE_EMPTY')]);
    const gone = await node.odcm(['deployments', 'add', join(node.home, 'gone.jsonl')]);
    expect([gone.exitCode, gone.err]).toEqual([1, expect.stringContaining('FILE_UNREADABLE')]);
    expect(node.received).toEqual([]);
  });
});

describe('the help', () => {
  it('shows what a node takes', () => {
    const nowMs = Date.parse(INVENTORY_SHAPE.takenAt);
    expect(parseInventory(INVENTORY_SHAPE, nowMs)).toMatchObject({ projects: 74 });
    expect(parseDeployment(DEPLOYMENT_SHAPE, nowMs)).toMatchObject({ outcome: 'failed' });
  });

  it.each(['inventory set', 'deployments add'])('of odcm %s has it', async (command) => {
    const { out } = await node.odcm(`help ${command}`);
    expect(out).toContain('What stands in it, such as:\n  {');
  });
});

describe('odcm inventory set', () => {
  it('sends one object and says what to type so that others see it', async () => {
    const next = 'No other space may have it yet. At ODCM type: odcm grant SPACE library/inventory';
    const came = answer('reportInventoryIn', {
      ...TAKEN,
      ...{ feed: 'library/inventory', created: true, published: 1, unchanged: 0, next },
    });
    const file = await fileNamed('inventory.json', '{\n"projects": 1\n}');
    const { out, err } = await node.odcm(['inventory', 'set', file]);
    expect(came.type).toBe('application/json');
    expect(out).toBe('created library/inventory: published 1, unchanged 0, refused 0\n');
    expect(err).toContain(next);
  });

  it('is a row for machines', async () => {
    answer('reportInventoryIn');
    const file = await fileNamed('inventory.json', '{}');
    const { out } = await node.odcm(['inventory', 'set', file, '--json']);
    expect(JSON.parse(out)).toMatchObject({ rows: [{ published: 2, refusedCount: 0 }] });
  });

  it('ends with 1 and the reason when the node refuses it', async () => {
    node.answers.reportInventoryIn = refusal('EVENT_INVALID', 'projects: not a number');
    const { exitCode, err } = await node.odcm([
      ...['inventory', 'set', await fileNamed('inventory.json', '{}')],
    ]);
    expect([exitCode, err]).toEqual([1, expect.stringContaining('EVENT_INVALID')]);
    expect(err).toContain('See what it must hold: odcm help inventory set');
  });
});
