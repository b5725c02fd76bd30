// Why a message did not go out, and what to do about it: one line for whoever looks at the routes. Mail libraries and
// TLS speak in codes; whoever is woken by a route that fails should not have to know them.

import { MeshError } from '../../protocols/errors.ts';
import type { RouteSettings } from './route-settings.ts';

interface Fault {
  readonly reason: string;
  readonly advice?: string;
}

/** What errors of the libraries carry besides their message, as far as it helps. */
interface Traits {
  readonly code: string;
  readonly command: string;
  readonly response: string;
  readonly rejected: readonly unknown[];
  readonly status: number;
}

export function faultLine(error: unknown, settings: RouteSettings): string {
  const { reason, advice } = faultOf(error, settings);
  return advice === undefined ? reason : `${reason.replace(/\.$/, '')}. ${advice}`;
}

/** Some or all recipients; the server's own words say why. */
export const refusedLine = (recipients: readonly unknown[], response: string): string =>
  `the server refuses ${recipients.join(', ')}${response === '' ? '' : ` (${response})`}. Correct "to" of the route in alerts.json.`;

function faultOf(error: unknown, settings: RouteSettings): Fault {
  if (error instanceof MeshError) return { reason: error.message, advice: error.next };
  const traits = traitsOf(error);
  return (
    certificateFault(traits, settings) ??
    (settings.kind === 'smtp' ? mailFault(traits) : undefined) ?? {
      reason: reasonOf(error),
      ...adviceOn(traits, settings),
    }
  );
}

/** Nobody it trusts vouches for the other side. */
const UNKNOWN_ISSUER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function certificateFault({ code }: Traits, settings: RouteSettings): Fault | undefined {
  const isMail = settings.kind === 'smtp';
  const host = isMail ? settings.host : new URL(settings.url).host;
  if (UNKNOWN_ISSUER.has(code)) {
    return {
      reason: `the certificate of ${host} is not trusted (${code})`,
      advice: isMail
        ? 'Name the PEM of who vouches for it as "caFile" of the route in alerts.json.'
        : 'Name the PEM of who vouches for it in NODE_EXTRA_CA_CERTS and start the node again.',
    };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      reason: `the certificate of ${host} is for another name`,
      advice: `Write the name in it as "${isMail ? 'host' : 'url'}" of the route in alerts.json.`,
    };
  }
  if (code !== 'CERT_HAS_EXPIRED') return undefined;
  return {
    reason: `the certificate of ${host} has expired`,
    advice: 'Its keepers must renew it.',
  };
}

function mailFault({ code, command, response, rejected }: Traits): Fault | undefined {
  if (code === 'EENVELOPE' && rejected.length > 0)
    return { reason: refusedLine(rejected, response) };
  if (code === 'EENVELOPE' && command === 'MAIL FROM') {
    const advice = 'Correct "from" of the route in alerts.json.';
    return { reason: `the server refuses the sender (${response})`, advice };
  }
  if (code === 'EAUTH') {
    const advice = 'Correct "user" of the route in alerts.json, or its password.';
    return { reason: `the server refuses the login (${response})`, advice };
  }
  if (code === 'ETLS' || code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    const advice = 'Correct "port" or "security" of the route in alerts.json.';
    return { reason: 'the server does not encrypt as this route wants it', advice };
  }
  return undefined;
}

const NOT_THERE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EDNS']);

function adviceOn({ code, status }: Traits, { kind }: RouteSettings): { advice?: string } {
  const isRight = kind === 'smtp' ? '"host" and "port" of the route are' : '"url" of the route is';
  if (code === 'EAI_AGAIN')
    return {
      advice: `No name server answers: see that this machine has its network, and that ${isRight} right.`,
    };
  if (NOT_THERE.has(code)) {
    return { advice: `See that ${isRight} right and that the server runs.` };
  }
  if (status === 401 || status === 403)
    return { advice: 'See that it checks with the key of this route.' };
  if (status >= 300 && status < 400)
    return { advice: 'Redirects are not followed: write where it leads as "url" of the route.' };
  if (status === 404 || status === 410)
    return { advice: 'Correct "url" of the route in alerts.json.' };
  return status === 0 ? {} : { advice: 'See what the receiver says in its log.' };
}

function traitsOf(error: unknown): Traits {
  const outer = isObject(error) ? error : {};
  const inner = isObject(outer['cause']) ? outer['cause'] : {};
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const { rejected, status } = outer;
  return {
    // The mail library puts a code of its own over the one that says more.
    code: text(outer['originalCode'] ?? inner['code'] ?? outer['code']),
    command: text(outer['command']),
    response: text(outer['response']),
    rejected: Array.isArray(rejected) ? rejected : [],
    status: typeof status === 'number' ? status : 0,
  };
}

/** The innermost reason: `fetch failed` alone helps nobody. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) {
    const code = 'code' in cause && typeof cause.code === 'string' ? `${cause.code} ` : '';
    return `${error.message}: ${code}${cause.message}`;
  }
  return error.message;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
