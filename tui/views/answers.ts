// The answers of the control API that views are made from, by name; types only. `null` stands for a part that the node
// does not have: an older node has no such route, a part may not be known yet.

import type { z } from 'zod';
import type { RouteResult } from '../../protocols/control-api.ts';
import type {
  DeploymentRow as DeploymentShape,
  DeploymentSums,
  ReportDeploymentsResult,
  ReportInventoryRow,
} from '../../protocols/control-reports.ts';

/** Rows with the time at which they were true. */
export interface Answer<R> {
  readonly asOf: string;
  readonly rows: readonly R[];
}

export type SpaceRow = RouteResult<'spaces'>;
export type FeedRow = RouteResult<'feeds'>;
export type SubscriptionRow = RouteResult<'subscriptions'>;
export type GrantRow = RouteResult<'grants'>;
export type HistoryRow = RouteResult<'history'>;
export type StatusResult = RouteResult<'status'>;
export type MeshRow = RouteResult<'mesh'>;
export type Overview = RouteResult<'overview'>;

export type HealthRow = RouteResult<'health'>;
export type TrustRow = RouteResult<'trust'>;
export type RevocationRow = RouteResult<'revocations'>;
export type StatementResult = RouteResult<'statement'>;
export type ExposureResult = RouteResult<'exposure'>;
export type ExposureRow = ExposureResult['rows'][number];
export type InventoryRow = z.output<typeof ReportInventoryRow>;
export type DeploymentFigures = z.output<typeof DeploymentSums>;
export type DeploymentReport = z.output<typeof ReportDeploymentsResult>;
export type DeploymentGroup = DeploymentReport['rows'][number];
export type DeploymentRow = z.output<typeof DeploymentShape>;
export type AlertRow = RouteResult<'alerts'>;
export type AlertRouteRow = RouteResult<'alertRoutes'>;
