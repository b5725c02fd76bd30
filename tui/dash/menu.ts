// The menu of what can be done with what is selected: always the same places to look, with the reason where something
// cannot be done right now. Whatever changes trust asks for a name before anything happens.

import type { SubscriptionRow, TrustRow } from '../views/answers.ts';
import type { FeedLine } from '../views/feeds.ts';
import type { SpaceLine } from '../views/spaces.ts';
import {
  type Change,
  grantChange,
  inviteChange,
  revokeChange,
  subscribeChange,
  ungrantChange,
  unsubscribeChange,
} from './changes.ts';
import { acknowledge, copyText, READ_ONLY, toggleFavourite } from './deeds.ts';
import type { Desk } from './desk.ts';
import { clipboardSequence } from './export.ts';
import type { Choice } from './overlays.ts';
import type { ChangeWord } from './palette.ts';

export function menuChoices(desk: Desk): Choice[] {
  const row = desk.selected();
  const { screen, subject } = desk.state.place;
  const name = row === undefined || screen === 'space' ? subject : desk.content().nameOf?.(row);
  if (name === undefined) return [];
  const shared: Choice[] = [{ title: `Copy ${name}`, run: () => copyText(desk, name) }];
  return [...ownChoices(desk, screen, row, name), ...shared];
}

function ownChoices(desk: Desk, screen: string, row: object | undefined, name: string): Choice[] {
  const change = (title: string, make: () => Change, isPossible = true, why = ''): Choice => {
    const disabled = desk.isReadOnly ? READ_ONLY : isPossible ? undefined : why;
    return {
      title,
      run: () => desk.confirm(make()),
      ...(disabled === undefined ? {} : { disabled }),
    };
  };
  switch (screen) {
    case 'space':
    case 'spaces': {
      const line = screen === 'spaces' ? (row as SpaceLine | undefined) : undefined;
      const isFavourite = desk.state.favourites.has(name);
      return [
        {
          title: isFavourite ? 'No favourite any more' : 'Make it a favourite',
          run: () => toggleFavourite(desk, name),
        },
        change(
          'Revoke …',
          () => revokeChange(desk.asker(), name),
          line?.isSelf !== true,
          'this is the node itself',
        ),
      ];
    }
    case 'trust': {
      const { kind, subject, state } = row as TrustRow;
      const isSpace = kind === 'space' && state !== 'revoked';
      return [
        change(
          'Revoke …',
          () => revokeChange(desk.asker(), subject),
          isSpace,
          'only a space that is not revoked yet',
        ),
      ];
    }
    case 'feeds': {
      const { feed, subscribed, grant } = row as FeedLine;
      return [
        change(
          'Subscribe …',
          () => subscribeChange(desk.asker(), feed),
          !subscribed && grant !== 'own',
          subscribed ? 'it is taken already' : 'it is published here',
        ),
        change(
          'Unsubscribe …',
          () => unsubscribeChange(desk.asker(), feed),
          subscribed,
          'it is not taken',
        ),
        change('Grant it to every space …', () => grantChange(desk.asker(), 'all', feed)),
      ];
    }
    case 'subscriptions': {
      const { feed, state } = row as SubscriptionRow;
      return [
        change(
          'Approve: subscribe …',
          () => subscribeChange(desk.asker(), feed),
          state === 'requested',
          'nothing is waiting for approval',
        ),
        change('Unsubscribe …', () => unsubscribeChange(desk.asker(), feed)),
      ];
    }
    case 'alerts':
      return [{ title: 'Acknowledge', run: () => acknowledge(desk) }];
    default:
      return [];
  }
}

export function changeOf(desk: Desk, word: ChangeWord, args: readonly string[]): Change {
  const [first = '', second = ''] = args;
  const asker = desk.asker();
  switch (word) {
    case 'grant':
      return grantChange(asker, first, second);
    case 'ungrant':
      return ungrantChange(asker, first, second);
    case 'revoke':
      return revokeChange(asker, first);
    case 'subscribe':
      return subscribeChange(asker, first);
    case 'unsubscribe':
      return unsubscribeChange(asker, first);
    case 'invite':
      return inviteChange(asker, first, (token) => desk.host.write(clipboardSequence(token) ?? ''));
  }
}
