// The part of alerts.json that says where messages go. A password or key is never in it: only the file or the
// environment variable that holds it.

import { z } from 'zod';
import { AlertLevel } from '../../protocols/control-alerts.ts';

const routeName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, { error: 'is lower-case letters, digits and dashes' });
const filePath = z.string().min(1).max(1000);
const variable = z.string().regex(/^[A-Za-z_]\w{0,99}$/, { error: 'is no name of a variable' });
/** Enough to refuse what would become a second header or a second command; the mail server judges the rest. */
const mailAddress = z
  .string()
  .max(254)
  .regex(/^[^\s<>,;"()\\]+@[^\s<>,;"()\\]+$/, { error: 'is no mail address' });

const common = { name: routeName, minLevel: AlertLevel.default('warn') };

const smtp = z
  .strictObject({
    ...common,
    kind: z.literal('smtp'),
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535).default(587),
    /** `starttls` sends nothing before the line is encrypted; `none` has to be asked for. */
    security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
    /** PEM of the authority that vouches for the server, when the system does not know it. */
    caFile: filePath.exactOptional(),
    user: z.string().min(1).max(254).exactOptional(),
    passwordFile: filePath.exactOptional(),
    passwordEnv: variable.exactOptional(),
    from: mailAddress,
    to: z.array(mailAddress).min(1).max(50),
  })
  .superRefine(({ user, passwordFile, passwordEnv, security }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const secrets = [passwordFile, passwordEnv].filter((one) => one !== undefined).length;
    if (user !== undefined && secrets !== 1)
      refuse('user', 'needs either passwordFile or passwordEnv');
    if (user === undefined && secrets > 0) refuse('user', 'is missing beside its password');
    if (user !== undefined && security === 'none')
      refuse('security', 'none would send the password in the open');
  });

const webhook = z
  .strictObject({
    ...common,
    kind: z.literal('webhook'),
    url: z.string().max(2000),
    keyFile: filePath.exactOptional(),
    keyEnv: variable.exactOptional(),
    /** Plain http beyond this machine. */
    allowPlain: z.boolean().default(false),
  })
  .superRefine(({ url, keyFile, keyEnv, allowPlain }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const problem = urlProblem(url, allowPlain);
    if (problem !== undefined) refuse('url', problem);
    if ((keyFile === undefined) === (keyEnv === undefined))
      refuse('keyFile', 'either keyFile or keyEnv names the key that signs');
  });

export const routeSettings = z.discriminatedUnion('kind', [smtp, webhook]);
export type RouteSettings = z.output<typeof routeSettings>;
export type SmtpSettings = Extract<RouteSettings, { kind: 'smtp' }>;
export type WebhookSettings = Extract<RouteSettings, { kind: 'webhook' }>;

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function urlProblem(text: string, allowPlain: boolean): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'is no URL';
  if (url.username !== '' || url.password !== '') return 'has a password in it';
  if (url.protocol === 'https:') return undefined;
  if (url.protocol !== 'http:') return 'is neither https nor http';
  if (allowPlain || LOOPBACK.test(url.hostname)) return undefined;
  return 'is not https; "allowPlain": true permits that';
}
