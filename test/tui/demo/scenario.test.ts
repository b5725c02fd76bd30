import { describe, expect, it } from 'vitest';
import { MeshError } from '../../../protocols/errors.ts';
import { createClient } from '../../../tui/client.ts';
import { DemoMesh } from '../../../tui/demo/mesh.ts';
import { createPrinter } from '../../../tui/demo/printer.ts';
import type { Processes } from '../../../tui/demo/processes.ts';
import {
  type Audience,
  type Evidence,
  playScenario,
  promised,
  type Scenario,
} from '../../../tui/demo/scenario.ts';

const never = (): never => {
  throw new Error('these scenarios start no process');
};
const processes: Processes = { run: never, startNode: never, stopAll: async () => 0 };

function createMesh(signal = new AbortController().signal): DemoMesh {
  const folder = {
    dir: '/d',
    spaces: '/d/spaces',
    logs: '/d/logs',
    credentials: '/d/spaces/.credentials',
    release: async () => undefined,
  };
  const context = { createClient, delay: async () => undefined };
  return new DemoMesh({ folder, processes, context, signal });
}

function createAudience(): Audience & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    onScenario: ({ id }) => heard.push(`scenario ${id}`),
    onStepBegins: (title) => heard.push(`begins ${title}`),
    onStep: ({ title, ok }) => heard.push(`${ok ? 'ok' : 'failed'} ${title}`),
    onOutcome: ({ outcome }) => heard.push(`outcome ${outcome}`),
  };
}

const scenario = (play: Scenario['play']): Scenario => ({
  id: 'sample',
  title: 'A sample',
  promise: 'It holds.',
  play,
});

describe('a scenario', () => {
  it('is ok when every step holds, with the evidence of each', async () => {
    const audience = createAudience();
    const outcome = await playScenario(
      scenario(async ({ step }) => {
        await step('one', async () => ({ space: 'hq' }));
        await step('two', async () => [{ entry: 1 }, { entry: 2 }]);
        return 'both hold';
      }),
      createMesh(),
      audience,
    );
    expect(outcome).toMatchObject({ outcome: 'ok', summary: 'both hold', failure: null });
    expect(outcome.steps.map(({ evidence }) => evidence)).toEqual([
      [{ space: 'hq' }],
      [{ entry: 1 }, { entry: 2 }],
    ]);
    expect(audience.heard).toEqual([
      'scenario sample',
      'begins one',
      'ok one',
      'begins two',
      'ok two',
      'outcome ok',
    ]);
  });

  it('fails at the step that does not hold, and goes no further', async () => {
    const outcome = await playScenario(
      scenario(async ({ step }) => {
        await step('one', async () => ({}));
        await step('two', async () => {
          promised(false, 'hq holds other bytes');
          return {};
        });
        await step('three', async () => ({}));
        return '';
      }),
      createMesh(),
      createAudience(),
    );
    expect(outcome.outcome).toBe('failed');
    expect(outcome.steps.map(({ ok }) => ok)).toEqual([true, false]);
    expect(outcome.failure).toEqual({
      step: 'two',
      code: 'CONFLICT',
      message: 'hq holds other bytes',
    });
  });

  it('fails with the code of a node that refuses', async () => {
    const outcome = await playScenario(
      scenario(async ({ step }) => {
        await step('pull', async () => {
          throw new MeshError('NO_GRANT', 'shipping has no grant');
        });
        return '';
      }),
      createMesh(),
      createAudience(),
    );
    expect(outcome.failure?.code).toBe('NO_GRANT');
  });

  it('has no outcome when the demo is stopped in the middle', async () => {
    const stopping = new AbortController();
    const audience = createAudience();
    const playing = playScenario(
      scenario(async ({ mesh, step }) => {
        await step('wait', async () => {
          stopping.abort();
          return await mesh.until<Evidence>('nothing', () => undefined);
        });
        return '';
      }),
      createMesh(stopping.signal),
      audience,
    );
    await expect(playing).rejects.toThrow('aborted');
    expect(audience.heard).toEqual(['scenario sample', 'begins wait']);
  });
});

describe('waiting in the mesh of the demo', () => {
  it('ends with the first answer, and passes over a node that is away', async () => {
    let asked = 0;
    const answer = await createMesh().until('it is there', async () => {
      asked += 1;
      if (asked === 1) throw new MeshError('NODE_UNREACHABLE', 'away');
      return asked === 3 ? 'here' : undefined;
    });
    expect(answer).toBe('here');
  });

  it('ends with TIMEOUT naming what did not come true', async () => {
    const waiting = createMesh().until('hq sees it', () => undefined, 0);
    await expect(waiting).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'it did not come true within 0 s that hq sees it',
    });
  });

  it('does not wait on when a node refuses', async () => {
    const waiting = createMesh().until('it is there', () => {
      throw new MeshError('NO_GRANT', 'refused');
    });
    await expect(waiting).rejects.toMatchObject({ code: 'NO_GRANT' });
  });
});

describe('what is told meanwhile', () => {
  const options = (written: string[], signal = new AbortController().signal) => ({
    write: (text: string) => written.push(text),
    look: { maxColumns: 60, colour: false, ascii: false },
    isBrief: false,
    signal,
  });

  it('replaces the line of a step under way on a terminal', async () => {
    const written: string[] = [];
    const printer = createPrinter({ ...options(written), canErase: true });
    await printer.phase('a phase', async () => undefined);
    expect(written[0]).toBe('   · a phase …');
    expect(written[1]).toBe('\r\x1b[K');
    expect(written[2]).toMatch(/^ {3}✓ a phase {2}.*\n$/);
  });

  it('takes back what was under way when the demo is stopped, and calls nothing failed', async () => {
    const written: string[] = [];
    const stopped = AbortSignal.abort();
    const printer = createPrinter({ ...options(written, stopped), canErase: true });
    const phase = printer.phase('a phase', async () => stopped.throwIfAborted());
    await expect(phase).rejects.toThrow('aborted');
    expect(written).toEqual(['   · a phase …', '\r\x1b[K']);
  });

  it('is two lines for a scenario when short, and shows meanwhile what is under way', async () => {
    const written: string[] = [];
    const printer = createPrinter({ ...options(written), canErase: true, isBrief: true });
    const played = scenario(async ({ step }) => {
      await step('one', async () => ({ space: 'hq' }));
      return 'it holds';
    });
    await playScenario(played, createMesh(), printer);
    expect(written).toHaveLength(3);
    expect(written[0]).toBe('   · A sample: one …');
    expect(written[1]).toBe('\r\x1b[K');
    expect(written[2]).toMatch(/^ {3}✓ A sample {2}.*\n {7}it holds\n$/);
  });

  it('says what failed also when short', async () => {
    const written: string[] = [];
    const printer = createPrinter({ ...options(written), canErase: true, isBrief: true });
    const played = scenario(async ({ step }) => {
      await step('one', async () => {
        promised(false, 'hq holds other bytes');
        return {};
      });
      return '';
    });
    await playScenario(played, createMesh(), printer);
    expect(written.at(-1)).toMatch(
      /^ {3}✗ A sample {2}failed after .*\n {7}hq holds other bytes\n$/,
    );
  });

  it('writes whole lines only where none can be taken back', async () => {
    const written: string[] = [];
    const printer = createPrinter({ ...options(written), canErase: false });
    await printer.phase('a phase', async () => undefined);
    const failing = printer.phase('another', async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(written).toHaveLength(2);
    expect(written[1]).toMatch(/^ {3}✗ another {2}failed after .*\n$/);
  });
});
