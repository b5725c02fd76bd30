// All commands that speak to a running node; `help` lists them in this order within their groups.

import type { Register } from './command-context.ts';
import { register as alerts } from './commands/alerts.ts';
import { register as certificate } from './commands/certificate.ts';
import { register as deadLetters } from './commands/dead-letters.ts';
import { register as deployments } from './commands/deployments.ts';
import { register as directory } from './commands/directory.ts';
import { register as enrol } from './commands/enrol.ts';
import { register as exportBundle } from './commands/export.ts';
import { register as exposure } from './commands/exposure.ts';
import { register as feedContinue } from './commands/feed-continue.ts';
import { register as feedCreate } from './commands/feed-create.ts';
import { register as feedRelease } from './commands/feed-release.ts';
import { register as feeds } from './commands/feeds.ts';
import { register as forks } from './commands/forks.ts';
import { register as gap } from './commands/gap.ts';
import { register as get } from './commands/get.ts';
import { register as grant } from './commands/grant.ts';
import { register as grants } from './commands/grants.ts';
import { register as history } from './commands/history.ts';
import { register as importBundle } from './commands/import.ts';
import { register as invite } from './commands/invite.ts';
import { register as items } from './commands/items.ts';
import { register as keysRotate } from './commands/keys-rotate.ts';
import { register as mesh } from './commands/mesh.ts';
import { register as overview } from './commands/overview.ts';
import { register as peers } from './commands/peers.ts';
import { register as publish } from './commands/publish.ts';
import { register as pull } from './commands/pull.ts';
import { register as receipts } from './commands/receipts.ts';
import { register as report } from './commands/report.ts';
import { registerDeploymentsAdd, registerInventorySet } from './commands/report-in.ts';
import { registerStatement, register as revocations } from './commands/revocations.ts';
import { register as revoke } from './commands/revoke.ts';
import { register as rootInstall } from './commands/root-install.ts';
import { register as scrub } from './commands/scrub.ts';
import { register as space } from './commands/space.ts';
import { register as spaces } from './commands/spaces.ts';
import { register as status } from './commands/status.ts';
import { register as subscribe } from './commands/subscribe.ts';
import { register as subscriptions } from './commands/subscriptions.ts';
import { register as tail } from './commands/tail.ts';
import { register as trust } from './commands/trust.ts';
import { register as withdraw } from './commands/withdraw.ts';
import { register as dash } from './dash/command.ts';
import { register as demo } from './demo/command.ts';

export const remoteCommands: readonly Register[] = [
  invite,
  enrol,
  certificate,
  grant,
  grants,
  revoke,
  revocations,
  registerStatement,
  exposure,
  trust,
  keysRotate,
  rootInstall,
  directory,
  feedCreate,
  feedContinue,
  feedRelease,
  forks,
  publish,
  withdraw,
  subscribe,
  subscriptions,
  pull,
  feeds,
  overview,
  status,
  scrub,
  spaces,
  space,
  mesh,
  peers,
  alerts,
  report,
  deployments,
  registerDeploymentsAdd,
  registerInventorySet,
  items,
  get,
  history,
  tail,
  deadLetters,
  exportBundle,
  importBundle,
  gap,
  receipts,
  dash,
  demo,
];
