// The menu of what can be done with what is selected: always the same places to look, with the reason where something
// cannot be done right now. Whatever changes trust asks for a name before anything happens.

import type { SubscriptionRow, TrustRow } from '../views/answers.ts';
import type { FeedLine } from '../views/feeds.ts';
import type { CrossingRow } from '../views/gap.ts';
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
import {
  approveChange,
  exportBundleChange,
  importBundleChange,
  refuseChange,
} from './gap-changes.ts';
import { edit } from './line-editor.ts';
import type { Choice } from './overlays.ts';
import type { ChangeWord } from './palette.ts';
import { SOURCES } from './sources.ts';

export function menuChoices(desk: Desk): Choice[] {
  const row = desk.selected();
  const { screen, subject } = desk.state.place;
  const name = row === undefined || screen === 'space' ? subject : desk.content().nameOf?.(row);
  // There is something to do before anything has crossed.
  if (name === undefined) return screen === 'gap' ? gapChoices(desk, undefined) : [];
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
    case 'gap':
      return gapChoices(desk, row as CrossingRow | undefined);
    case 'alerts':
      return [{ title: 'Acknowledge', run: () => acknowledge(desk) }];
    default:
      return [];
  }
}

/** What it changes is read once more in the question itself. */
function approve(desk: Desk, exporter: string, bundle: string): Change {
  const known = desk.store().get(SOURCES.waitingImports).data?.rows;
  const row = known?.find(({ space, sequence }) => space === exporter && `${sequence}` === bundle);
  const doer = { by: desk.host.user, tell: desk.say };
  return approveChange(desk.asker(), exporter, bundle, doer, row?.detail ?? null);
}

function gapChoices(desk: Desk, row: CrossingRow | undefined): Choice[] {
  const { way, space = '', sequence = 0, state } = row ?? {};
  const isWaiting = way === 'in' && state === 'waiting';
  const choice = (title: string, run: () => void, why = ''): Choice => {
    const disabled = desk.isReadOnly ? READ_ONLY : why;
    return { title, run, ...(disabled === '' ? {} : { disabled }) };
  };
  /** Space and file are typed: the line is begun, and `tab` completes names. */
  const begin = (text: string) => (): void => {
    const { commandHistory } = desk.state;
    desk.state.mode = {
      kind: 'command',
      edit: edit(text),
      at: commandHistory.length,
      problem: '',
    };
  };
  const onlyWaiting = isWaiting ? '' : 'only an import that waits';
  const of = { by: desk.host.user, tell: desk.say };
  return [
    choice('Approve …', () => desk.confirm(approve(desk, space, `${sequence}`)), onlyWaiting),
    choice(
      'Refuse …',
      () => desk.confirm(refuseChange(desk.asker(), space, `${sequence}`, '', of)),
      onlyWaiting,
    ),
    choice('Export a bundle …', begin(way === 'out' ? `export ${space} ` : 'export ')),
    choice('Import a bundle …', begin('import ')),
  ];
}

export function changeOf(desk: Desk, word: ChangeWord, args: readonly string[]): Change {
  const [first = '', second = '', third = ''] = args;
  const asker = desk.asker();
  const of = { by: desk.host.user, tell: desk.say };
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
    case 'export':
      return exportBundleChange(asker, first, second, of);
    case 'import':
      return importBundleChange(asker, first, of);
    case 'approve':
      return approve(desk, first, second);
    case 'refuse':
      return refuseChange(asker, first, second, third, of);
    case 'invite':
      return inviteChange(asker, first, (token) => desk.host.write(clipboardSequence(token) ?? ''));
  }
}
