// Where an alert leads: the screen it names, as far as this dashboard has it.

import type { Place } from '../state.ts';

export function placeOfAlert({
  screen,
  subject,
}: {
  readonly screen: string;
  readonly subject: string;
}): Place {
  switch (screen) {
    case 'spaces':
    case 'space':
      return subject === '' ? { screen: 'spaces' } : { screen: 'space', subject };
    case 'feeds':
    case 'feed':
      return subject.includes('/') ? { screen: 'feed', subject } : { screen: 'feeds' };
    case 'subscriptions':
    case 'trust':
    case 'mesh':
    case 'inventory':
    case 'gap':
      return { screen };
    case 'reports':
    case 'deployments':
      return subject === ''
        ? { screen: 'report' }
        : { screen: 'deployments', subject: `space ${subject}` };
    default:
      return { screen: 'alerts' };
  }
}
