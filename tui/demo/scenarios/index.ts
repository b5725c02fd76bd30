// The scenarios in the order in which they are played; a later one may stand on what an earlier one left.

import type { Scenario } from '../scenario.ts';
import { pickEnvironments } from './environments.ts';
import { publisherOffline } from './publisher-offline.ts';
import { sharedVariables } from './shared-variables.ts';
import { trust } from './trust.ts';

export const SCENARIOS: readonly Scenario[] = [
  sharedVariables,
  publisherOffline,
  pickEnvironments,
  trust,
];
