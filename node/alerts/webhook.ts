// Alerts to a program of the operator's own: the message as JSON, signed together with the time, under an id that stays
// the same when it is sent again. The receiver checks the signature, refuses old times, and drops ids that it knows.

import { createHmac } from 'node:crypto';
import type { Message } from './message.ts';
import type { WebhookSettings } from './route-settings.ts';
import { readSecret } from './secret.ts';
import type { Send } from './sender.ts';

export const WEBHOOK_HEADERS = {
  id: 'odcm-id',
  /** Seconds since 1970, when it was sent. */
  timestamp: 'odcm-timestamp',
  /** `v1=` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body. */
  signature: 'odcm-signature',
} as const;

export function webhookSignature(key: string, timestamp: string, body: string): string {
  return `v1=${createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')}`;
}

export interface WebhookParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
}

export function createWebhookSender(settings: WebhookSettings, { env, nowMs }: WebhookParts): Send {
  const { url, keyFile, keyEnv } = settings;
  return async (message, attempt) => {
    const key = await readSecret(
      keyFile === undefined ? { variable: keyEnv!, env } : { file: keyFile },
    );
    attempt.secrets.push(key);
    const body = bodyOf(message);
    const timestamp = String(Math.floor(nowMs() / 1000));
    const response = await fetch(url, {
      method: 'POST',
      body,
      // Following would show the message to somebody else.
      redirect: 'manual',
      signal: attempt.signal,
      headers: {
        'content-type': 'application/json',
        [WEBHOOK_HEADERS.id]: message.id,
        [WEBHOOK_HEADERS.timestamp]: timestamp,
        [WEBHOOK_HEADERS.signature]: webhookSignature(key, timestamp, body),
      },
    });
    // Nobody reads the answer; unread it would keep the connection.
    await response.body?.cancel();
    if (response.ok) return null;
    const { status } = response;
    throw Object.assign(new Error(`the receiver answers ${status}`), { status });
  };
}

/** Without the lines that a mail has: a program reads the groups. */
const bodyOf = ({ lines: _, ...rest }: Message): string => JSON.stringify(rest);
