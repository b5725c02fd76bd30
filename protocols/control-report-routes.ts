// Routes of the control API about inventory and deployments (control-reports.ts has the shapes).

import {
  DeploymentRow,
  DeploymentsQuery,
  ReportDeploymentsResult,
  ReportedResult,
  ReportInventoryRow,
  ReportWindowQuery,
} from './control-reports.ts';
import type { Route } from './control-route.ts';

export const REPORT_ROUTES = {
  reportInventory: {
    method: 'GET',
    path: '/v1/reports/inventory',
    summary: 'Server version, projects and targets of each space, as it last said itself',
    result: ReportInventoryRow,
    answer: 'rows',
  },
  reportDeployments: {
    method: 'GET',
    path: '/v1/reports/deployments',
    summary: 'Deployments of a time by outcome, their trend, and the time before',
    query: ReportWindowQuery,
    result: ReportDeploymentsResult,
    answer: 'object',
  },
  deployments: {
    method: 'GET',
    path: '/v1/deployments',
    summary: 'The deployments behind a figure, newest first',
    query: DeploymentsQuery,
    result: DeploymentRow,
    answer: 'rows',
  },
  reportInventoryIn: {
    method: 'POST',
    path: '/v1/inventory',
    summary: 'What this space has; one JSON object, or application/x-ndjson',
    result: ReportedResult,
    answer: 'object',
  },
  reportDeploymentsIn: {
    method: 'POST',
    path: '/v1/deployments',
    summary: 'Deployments of this space that ended; one JSON object, or application/x-ndjson',
    result: ReportedResult,
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
