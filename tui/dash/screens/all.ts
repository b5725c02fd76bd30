// All screens by name; each dashboard has its own, since they remember what they last made.

import type { ScreenId } from '../state.ts';
import { createAlertsScreen } from './alerts.ts';
import { createFeedScreen, createFeedsScreen } from './feeds.ts';
import { createGapScreen, createReceiptsScreen } from './gap.ts';
import { createLogScreen } from './log.ts';
import { createMeshScreen } from './mesh.ts';
import { createOverviewScreen } from './overview.ts';
import { createDeploymentsScreen, createInventoryScreen, createReportScreen } from './reports.ts';
import type { Screen } from './screen.ts';
import { createSpaceScreen } from './space.ts';
import { createSpacesScreen } from './spaces.ts';
import { createSubscriptionsScreen } from './subscriptions.ts';
import { createTrustScreen } from './trust.ts';

export function createScreens(): Readonly<Record<ScreenId, Screen>> {
  return {
    overview: createOverviewScreen(),
    spaces: createSpacesScreen(),
    space: createSpaceScreen(),
    feeds: createFeedsScreen(),
    feed: createFeedScreen(),
    subscriptions: createSubscriptionsScreen(),
    trust: createTrustScreen(),
    inventory: createInventoryScreen(),
    report: createReportScreen(),
    deployments: createDeploymentsScreen(),
    alerts: createAlertsScreen(),
    mesh: createMeshScreen(),
    gap: createGapScreen(),
    receipts: createReceiptsScreen(),
    log: createLogScreen(),
  };
}
