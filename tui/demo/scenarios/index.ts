// The scenarios in the order in which they are played; a later one may stand on what an earlier one left.

import type { Scenario } from '../scenario.ts';
import { airGap } from './air-gap.ts';
import { pickEnvironments } from './environments.ts';
import { outage } from './outage.ts';
import { publisherOffline } from './publisher-offline.ts';
import { reports } from './reports.ts';
import { sharedVariables } from './shared-variables.ts';
import { trust } from './trust.ts';

/** Before the dashboard opens; what an outage looks like is seen on it. */
export const OPENING: readonly Scenario[] = [
  sharedVariables,
  publisherOffline,
  pickEnvironments,
  trust,
  reports,
  airGap,
];

export const SCENARIOS: readonly Scenario[] = [...OPENING, outage];
