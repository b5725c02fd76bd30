// Changes that the dashboard can make when it was started with --allow-changes, each with what it does in words and the
// name that must be typed first. All go through the control API; ODCM's own rules decide there.

import { ask } from '../ask.ts';
import { parsePublisher } from '../commands/arguments.ts';
import type { Asker } from './sources.ts';

export interface Change {
  readonly title: string;
  readonly effects: readonly string[];
  /** Typed exactly before anything happens. */
  readonly name: string;
  /** What to say when it is done. */
  readonly run: () => Promise<string>;
}

export function grantChange(asker: Asker, subscriber: string, what: string): Change {
  const named = parsePublisher(what);
  return {
    title: `Grant ${what} to ${subscriber}`,
    effects: [
      `${subscriber === 'all' ? 'Every present and future space' : subscriber} may have ${what}.`,
      'ODCM signs it into the directory; it can be taken back for what comes later.',
    ],
    name: subscriber,
    run: async () => {
      const { grant } = await ask(asker, 'grant', { body: { subscriber, ...named } });
      return `granted ${what} to ${subscriber} (${grant})`;
    },
  };
}

export function ungrantChange(asker: Asker, subscriber: string, what: string): Change {
  const named = parsePublisher(what);
  return {
    title: `Take ${what} back from ${subscriber}`,
    effects: [`${subscriber} gets nothing new of ${what}.`, 'What it holds stays readable there.'],
    name: subscriber,
    run: async () => {
      const { revoked } = await ask(asker, 'ungrant', { query: { subscriber, ...named } });
      return `took back ${revoked} grants of ${subscriber} for ${what}`;
    },
  };
}

export function revokeChange(asker: Asker, space: string): Change {
  return {
    title: `Revoke ${space}`,
    effects: [
      `${space} is shut out of the mesh for good: every node closes its connections and refuses its entries.`,
      'This cannot be undone.',
    ],
    name: space,
    run: async () => {
      const { entry } = await ask(asker, 'revoke', { body: { space } });
      return `${space} is revoked (directory entry ${entry})`;
    },
  };
}

export function subscribeChange(asker: Asker, feed: string): Change {
  return {
    title: `Subscribe to ${feed}`,
    effects: [`This space takes ${feed} from now on, told of news at once, applied as it comes.`],
    name: feed,
    run: async () => {
      const row = await ask(asker, 'subscribe', { body: { feed } });
      return `subscribed to ${row.feed}: ${row.state}`;
    },
  };
}

export function unsubscribeChange(asker: Asker, feed: string): Change {
  return {
    title: `Unsubscribe from ${feed}`,
    effects: [`This space takes nothing new of ${feed}; what is held stays readable.`],
    name: feed,
    run: async () => {
      const result = await ask(asker, 'unsubscribe', { query: { feed } });
      return `no longer subscribed to ${result.feed}`;
    },
  };
}

/** The token is a secret: it is handed to the caller, who shows it once. */
export function inviteChange(asker: Asker, space: string, show: (token: string) => void): Change {
  return {
    title: `Invite ${space}`,
    effects: [`A one-time token lets a new space join under the name ${space}.`],
    name: space,
    run: async () => {
      const result = await ask(asker, 'invite', { body: { space } });
      show(result.token);
      return `token for ${result.space} copied, good until ${result.expiresAt}: ${result.token}`;
    },
  };
}
