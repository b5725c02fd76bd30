// Routes of the control API about alerts (control-alerts.ts has the shapes).

import { z } from 'zod';
import {
  AcknowledgeBody,
  AlertProblemRow,
  AlertRouteRow,
  AlertRow,
  SilenceBody,
  SilenceRow,
} from './control-alerts.ts';
import type { Route } from './control-route.ts';
import { LIMITS } from './limits.ts';

const name = z.string().min(1).max(LIMITS.itemNameChars);

export const ALERT_ROUTES = {
  alerts: {
    method: 'GET',
    path: '/v1/alerts',
    summary: 'What is wrong, most urgent first',
    query: z.object({ state: z.enum(['open', 'all']).default('open') }),
    result: AlertRow,
    answer: 'rows',
  },
  acknowledgeAlert: {
    method: 'POST',
    path: '/v1/alerts/acknowledgements',
    summary: 'Says that somebody looks after an alert',
    body: AcknowledgeBody,
    result: AlertRow,
    answer: 'object',
  },
  checkAlerts: {
    method: 'GET',
    path: '/v1/alerts/configuration',
    summary: 'What is wrong with alerts.json as it lies in the folder now',
    result: AlertProblemRow,
    answer: 'rows',
  },
  alertRoutes: {
    method: 'GET',
    path: '/v1/alerts/routes',
    summary: 'Where messages about alerts go, and whether they arrive',
    result: AlertRouteRow,
    answer: 'rows',
  },
  testRoutes: {
    method: 'POST',
    path: '/v1/alerts/routes',
    summary: 'Sends a test message by every route, or by one, and says what came of it',
    body: z.object({ route: name.optional() }),
    result: AlertRouteRow,
    answer: 'rows',
  },
  silences: {
    method: 'GET',
    path: '/v1/silences',
    summary: 'What is kept quiet, until when, and by whom',
    result: SilenceRow,
    answer: 'rows',
  },
  silence: {
    method: 'POST',
    path: '/v1/silences',
    summary: 'Keeps alerts quiet until a time',
    body: SilenceBody,
    result: SilenceRow,
    answer: 'object',
  },
  unsilence: {
    method: 'DELETE',
    path: '/v1/silences',
    summary: 'Ends a silence',
    query: z.object({ id: z.string().min(1).max(64) }),
    result: SilenceRow,
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
