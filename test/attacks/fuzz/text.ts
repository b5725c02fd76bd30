// Parsers of the formats that are text: notes, events, root metadata, tokens, names, enrolment messages.

import {
  encodeAnswer,
  encodeEnrolRequest,
  encodeHello,
  encodeOffer,
  parseAnswer,
  parseEnrolRequest,
  parseHello,
  parseOffer,
} from '../../../certs/enrol-messages.ts';
import { makeToken, parseToken } from '../../../certs/token.ts';
import { decodeNote } from '../../../protocols/checkpoint.ts';
import { decodeUtf8 } from '../../../protocols/codec.ts';
import { formatSource, parseEvent, parseSource } from '../../../protocols/envelope.ts';
import { fromBase32, parseItemName, parseOrigin, parseSpaceName } from '../../../protocols/ids.ts';
import { decodeRoot } from '../../../protocols/root.ts';
import { decodeRootEnvelope, encodeRootEnvelope } from '../../../protocols/root-chain.ts';
import note from '../../vectors/note.json' with { type: 'json' };
import events from '../corpus/events.json' with { type: 'json' };
import trust from '../corpus/trust.json' with { type: 'json' };
import { corpusOf } from './binary.ts';
import type { Target } from './fuzz.ts';
import { type Grammar, json } from './grammar.ts';

const texts = (...all: string[]): Buffer[] => all.map((one) => Buffer.from(one));

/** Refuses what is no text before a parser of text sees it, as every caller does. */
const ofText =
  (again: (text: string) => string) =>
  (input: Buffer): Buffer =>
    Buffer.from(again(decodeUtf8(input)));

const target = (
  name: string,
  corpus: Buffer[],
  again: Target['again'],
  grammar?: Grammar,
): Target => ({ name, corpus, again, ...(grammar && { grammar }) });

const ORIGIN = `odcm/${trust.mesh}/${trust.space}`;

function originAgain(text: string): string {
  const { mesh, space, log, epoch } = parseOrigin(text);
  return `odcm/${mesh}/${space}/${log}/${epoch}`;
}

/** White space around a pasted token is allowed; apart from that a token has one form. */
function tokenAgain(text: string): string {
  const { id, secret, fingerprint, endpoint } = parseToken(text);
  const again = makeToken({ id: fromBase32(id), secret, fingerprint, endpoint });
  return text.trim() === again ? text : again;
}

export const TEXT: readonly Target[] = [
  target('note', corpusOf(note), (b) => decodeNote(b).bytes),
  // The same event may be written in several ways: its record is kept as it came.
  target(
    'event',
    texts(...events),
    (b) => {
      parseEvent(b);
      return undefined;
    },
    json,
  ),
  target(
    'source',
    texts('odcm://library/variables/base#a%20b', 'odcm://payments/targets#web-1'),
    ofText((text) => formatSource(parseSource(text))),
  ),
  target(
    'origin',
    texts(`${ORIGIN}/dir/1`, `${ORIGIN}/feed-${trust.space}/12`),
    ofText(originAgain),
  ),
  target('space name', texts('library', 'acme-2', 'a'.repeat(40)), ofText(parseSpaceName)),
  target('item name', texts('database name', 'é', 'a/b:c'), ofText(parseItemName)),
  target('token', texts(...trust.tokens), ofText(tokenAgain)),
  target(
    'root metadata',
    texts(trust.rootPayload),
    (b) => {
      // Compares with its one form by itself: what it reads, it has written again.
      decodeRoot(b);
      return undefined;
    },
    json,
  ),
  target(
    'root envelope',
    texts(trust.rootEnvelope),
    (b) => encodeRootEnvelope(decodeRootEnvelope(b)),
    json,
  ),
  target('hello', texts(trust.hello), (b) => encodeHello(parseHello(b)), json),
  target('offer', texts(trust.offer), (b) => encodeOffer(parseOffer(b)), json),
  target('request', texts(trust.request), (b) => encodeEnrolRequest(parseEnrolRequest(b)), json),
  target('answer', texts(trust.answer), (b) => encodeAnswer(parseAnswer(b)), json),
];
