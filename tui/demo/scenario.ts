// What a scenario of the demo is: a promise, steps that either hold or throw, and evidence for each. Playing one never
// throws for a promise that was not kept, only when the demo is being stopped.

import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { DemoMesh } from './mesh.ts';

/** What a step can be checked by, afterwards and by somebody else. */
export interface Evidence {
  /** Where it was looked at. */
  readonly space?: string;
  readonly feed?: string;
  readonly item?: string;
  readonly entry?: number;
  readonly version?: number;
  readonly sizeBytes?: number;
  /** Of the content. */
  readonly sha256?: string;
  readonly leafHash?: string;
  /** As the publisher signed it. */
  readonly checkpoint?: { readonly size: number; readonly root: string };
  /** Running spaces with a whole copy. */
  readonly heldBy?: readonly string[];
  readonly elapsedMs?: number;
  /** A refusal that was promised. */
  readonly code?: string;
  readonly note?: string;
}

export interface Step {
  readonly title: string;
  readonly ok: boolean;
  readonly elapsedMs: number;
  readonly evidence: readonly Evidence[];
}

export interface Outcome {
  readonly id: string;
  readonly title: string;
  readonly promise: string;
  readonly outcome: 'ok' | 'failed';
  /** The figure that says most, in a few words. */
  readonly summary: string;
  readonly elapsedMs: number;
  readonly steps: readonly Step[];
  readonly failure: {
    readonly step: string;
    readonly code: string;
    readonly message: string;
  } | null;
}

export interface Stage {
  readonly mesh: DemoMesh;
  /** Does something and keeps what it returns as evidence. */
  step<E extends Evidence | readonly Evidence[]>(title: string, act: () => Promise<E>): Promise<E>;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly promise: string;
  /** Resolves to the summary. */
  play(stage: Stage): Promise<string>;
}

export interface Audience {
  onScenario(scenario: Scenario): void;
  onStepBegins(title: string): void;
  onStep(step: Step): void;
  onOutcome(outcome: Outcome): void;
}

/** A step that does not hold. */
export function promised(holds: boolean, otherwise: string): asserts holds {
  if (holds) return;
  throw new MeshError('CONFLICT', otherwise, { next: 'The promise is not kept.' });
}

export async function playScenario(
  scenario: Scenario,
  mesh: DemoMesh,
  audience: Audience,
): Promise<Outcome> {
  const { id, title, promise } = scenario;
  const startedMs = performance.now();
  const steps: Step[] = [];
  let at = title;
  const step: Stage['step'] = async (title, act) => {
    at = title;
    audience.onStepBegins(title);
    const beganMs = performance.now();
    const done = (ok: boolean, evidence: readonly Evidence[]): void => {
      const elapsedMs = Math.round(performance.now() - beganMs);
      const made = { title, ok, elapsedMs, evidence };
      steps.push(made);
      audience.onStep(made);
    };
    const result = await act().catch((error: unknown) => {
      if (!mesh.signal.aborted) done(false, []);
      throw error;
    });
    done(true, [result].flat());
    return result;
  };
  const finish = (changes: Pick<Outcome, 'outcome' | 'summary' | 'failure'>): Outcome => {
    const elapsedMs = Math.round(performance.now() - startedMs);
    const outcome = { id, title, promise, steps, elapsedMs, ...changes };
    audience.onOutcome(outcome);
    return outcome;
  };
  audience.onScenario(scenario);
  try {
    await mesh.startMissing();
    const summary = await scenario.play({ mesh, step });
    return finish({ outcome: 'ok', summary, failure: null });
  } catch (error) {
    mesh.signal.throwIfAborted();
    const { code, message } = asMeshError(error);
    return finish({ outcome: 'failed', summary: message, failure: { step: at, code, message } });
  }
}
