// Control API: alerts, silences, and the routes by which messages leave.

import { MeshError } from '../../protocols/errors.ts';
import type { RouteState } from '../alerts/route.ts';
import type { Silence } from '../alerts/silences.ts';
import type { AlertView, AlertWatch } from '../alerts/watch.ts';
import type { MeshNode } from '../node.ts';
import { type Handlers, iso } from './handler.ts';

type AlertRouteNames =
  | 'alerts'
  | 'acknowledgeAlert'
  | 'checkAlerts'
  | 'alertRoutes'
  | 'testRoutes'
  | 'silences'
  | 'silence'
  | 'unsilence';

function watchOf(node: MeshNode): AlertWatch {
  if (node.alerts) return node.alerts;
  throw new MeshError('BUSY', 'the watch over alerts has not begun yet');
}

export const alertHandlers: Pick<Handlers, AlertRouteNames> = {
  async alerts({ node, query }) {
    const nowMs = node.clock.nowMs();
    return watchOf(node)
      .list(query.state)
      .map((alert) => showAlert(alert, nowMs));
  },

  async acknowledgeAlert({ node, body: { id, by, why } }) {
    return showAlert(await watchOf(node).acknowledge(id, by, why), node.clock.nowMs());
  },

  async checkAlerts({ node }) {
    return watchOf(node).check();
  },

  async alertRoutes({ node }) {
    return watchOf(node).routes.map(showRoute);
  },

  async testRoutes({ node, body }) {
    return (await watchOf(node).testRoutes(body.route)).map(showRoute);
  },

  async silences({ node }) {
    return watchOf(node).silences.map(showSilence);
  },

  async silence({ node, body: { until, ...rest } }) {
    return showSilence(await watchOf(node).silence({ ...rest, untilMs: Date.parse(until) }));
  },

  async unsilence({ node, query }) {
    return showSilence(await watchOf(node).unsilence(query.id));
  },
};

function showAlert(alert: AlertView, nowMs: number) {
  const { id, rule, level, subject, what, state, sinceMs, changedMs, closedMs, bell } = alert;
  return {
    ...{ id, rule, level, subject, what, state, bell },
    sinceAt: iso(sinceMs),
    changedAt: iso(changedMs),
    forMs: Math.max(0, (closedMs ?? nowMs) - sinceMs),
    opens: { ...alert.opens },
    evidence: alert.evidence,
    ackedBy: alert.ack?.by ?? null,
  };
}

function showRoute({ name, kind, state, sinceMs, lastError, queued, dropped }: RouteState) {
  return { name, kind, state, since: iso(sinceMs), lastError, queued, dropped };
}

function showSilence({ id, rule, subject, untilMs, by, why, sinceMs }: Silence) {
  return { id, rule, subject, until: iso(untilMs), by, why, since: iso(sinceMs) };
}
