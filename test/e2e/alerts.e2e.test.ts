// Alerts as an operator meets them: real nodes, a real mail server with STARTTLS and a password, a real receiver of
// webhooks, and the dashboard in a real terminal, while processes are killed.

import { createHmac } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchTime } from '../../tui/demo/watch-time.ts';
import {
  MAIL_PASSWORD,
  MAIL_USER,
  type MailServer,
  openMailServer,
} from '../node/alerts/mail-server.ts';
import { openReceiver, type Receiver } from '../node/alerts/receiver.ts';
import { sampleDeployments } from '../node/reports/sample-reports.ts';
import { type Ran, TestMesh, until } from './mesh.ts';
import { hasTmux, TestTerminal } from './terminal.ts';

const HOOK_KEY = 'hook/key+of=the chat';
const WRONG_PASSWORD = 'not the/password=';
/** The promise, of observers that are well themselves: on a machine that stalls they say so, and wait longer. */
const NOTICED_MS = 20_000;
const NOBODY = 'nobody@acme.example';

const mesh = new TestMesh();
const MAIL = { dir: mesh.dir, refused: [NOBODY] };
const terminal = new TestTerminal(mesh.dir);
/** Everything that commands said. */
const said: string[] = [];
/** The mail server before and after it was away. */
const servers: MailServer[] = [];
let hook: Receiver;

beforeAll(async () => {
  process.env['ODCM_TEST_HOOK_KEY'] = HOOK_KEY;
  await mesh.init();
  hook = await openReceiver();
  servers.push(await openMailServer(MAIL));
  await writeFile(join(mesh.dir, 'password'), `${MAIL_PASSWORD}\n`);
  await writeFile(join(mesh.dir, 'wrong-password'), WRONG_PASSWORD);
  await writeSettings(JSON.stringify(settings()));
  await mesh.spaces('payments', 'library');
  await until('both spaces are heard of', async () => (await statesOf())['online']?.length === 2);
  if (hasTmux) {
    terminal.open('dash', ['dash', '--home', mesh.home('odcm')]);
    await terminal.shows('dash', / live \d\d:\d\d:\d\dZ/);
    terminal.keys('dash', '1');
    await terminal.shows('dash', /online +payments|payments.* online/);
  }
});

afterAll(async () => {
  delete process.env['ODCM_TEST_HOOK_KEY'];
  terminal.close();
  await Promise.all([hook.stop(), ...servers.map((server) => server.stop())]);
  await mesh.close();
});

const writeSettings = (text: string): Promise<void> =>
  writeFile(join(mesh.home('odcm'), 'alerts.json'), text);

/** Without waiting, and only what this test brings about; the last three routes are wrong in one way each. */
function settings() {
  const { port, caFile } = servers[0]!;
  const smtp = {
    ...{ kind: 'smtp', host: 'localhost', port, caFile, user: MAIL_USER },
    ...{ passwordFile: join(mesh.dir, 'password'), from: 'odcm@acme.example' },
    to: ['lisa@acme.example'],
  };
  const tried = { ...smtp, minLevel: 'crit' };
  const { caFile: _, ...unvouched } = tried;
  const off = { on: false };
  return {
    group: '0s',
    rules: {
      'space-offline': { for: '0s', clear: '0s' },
      ...{ 'disk-nearly-full': off, 'route-failing': off, 'feed-carriers': off },
    },
    routes: [
      { name: 'mail', ...smtp },
      { name: 'chat', kind: 'webhook', url: hook.url, keyEnv: 'ODCM_TEST_HOOK_KEY' },
      { name: 'refused', ...tried, to: [NOBODY] },
      { name: 'unvouched', ...unvouched },
      { name: 'locked', ...tried, passwordFile: join(mesh.dir, 'wrong-password') },
    ],
  };
}

async function odcm(...args: string[]): Promise<Ran> {
  const ran = await mesh.odcm('odcm', ...args);
  said.push(ran.stdout, ran.stderr);
  return ran;
}

/** Names of the other spaces by state. */
async function statesOf(): Promise<Partial<Record<string, string[]>>> {
  const rows = (await mesh.ask('odcm', 'health')).filter(({ state }) => state !== 'self');
  return Object.fromEntries(
    Object.entries(Object.groupBy(rows, ({ state }) => state)).map(([state, of]) => [
      state,
      of.map(({ space }) => space),
    ]),
  );
}

interface Mail {
  readonly id: string | undefined;
  readonly subject: string | undefined;
}

const mails = (): Mail[] =>
  servers
    .flatMap((server) => server.mails)
    .map(({ text }) => {
      const head = text.slice(0, text.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]/g, ' ');
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim();
      return { id: field('odcm-message'), subject: field('subject') };
    });

const mailOf = (subject: string): Promise<Mail> =>
  until(`the mail ${subject}`, async () => mails().find((mail) => mail.subject === subject));

const OFFLINE = '[odcm acme] WARN 1 space offline: payments';
const BROKEN = '[odcm acme] CRIT 1 broken alert configuration: alerts.json';
const OVER = (subject: string) => subject.replace(' 1 ', ' over: 1 ');

describe('a space that is killed', () => {
  it('is shown as offline within 20 seconds, and told by one mail and one signed webhook', async () => {
    await mesh.kill('payments');
    const watch = new WatchTime(() => performance.now());
    const observers = ['odcm', 'library'];
    let wellMs = 0;
    const isOffline = async (): Promise<boolean> => {
      if ((await statesOf())['offline']?.includes('payments')) return true;
      wellMs = await watch.look(() => Promise.all(observers.map((one) => mesh.ask(one, 'status'))));
      return false;
    };
    await until('payments is offline', isOffline, 120_000);
    expect(wellMs).toBeLessThan(NOTICED_MS);
    if (hasTmux) await terminal.shows('dash', /offline +payments|payments.* offline/);
    const { id } = await mailOf(OFFLINE);
    await hook.accepted(1);
    expect(servers[0]!.mails).toMatchObject([{ to: ['lisa@acme.example'], isEncrypted: true }]);

    const { headers, body } = hook.received[0]!;
    const signed = `${String(headers['odcm-timestamp'])}.${body}`;
    const signature = createHmac('sha256', HOOK_KEY).update(signed).digest('hex');
    expect(headers).toMatchObject({ 'odcm-id': id, 'odcm-signature': `v1=${signature}` });
    expect(JSON.parse(body)).toMatchObject({
      ...{ id, mesh: 'acme', from: 'odcm', level: 'warn' },
      groups: [{ kind: 'raised', rule: 'space-offline', alerts: [{ subject: 'payments' }] }],
    });
  });

  it('is in the list of alerts, and found by monitoring', async () => {
    const listed = await odcm('alerts');
    expect(listed.stdout).toMatch(/WARN +payments +payments .*offline.* open /);
    const judged = await odcm('spaces', '--fail-on', 'offline>0');
    expect([judged.code, judged.stderr]).toEqual([
      10,
      expect.stringMatching(/^odcm: FAIL_ON: met: offline>0 \(offline is 1\)/),
    ]);
  });

  it('stays looked after, and what waited is sent once, over a kill of the node and an absence of the mail server', async () => {
    const [alert] = await mesh.ask('odcm', 'alerts');
    const acked = await odcm('alerts', 'ack', alert!.id, '--by', 'Lisa');
    expect([acked.code, acked.stdout]).toEqual([0, expect.stringContaining('Lisa looks after')]);

    await servers[0]!.stop();
    await writeSettings(JSON.stringify(settings(), null, 2).replace('"rules": {', '"rules": ['));
    const checked = await odcm('alerts', 'check');
    const problem = /^the file +is not JSON: see line \d+$/m;
    expect([checked.code, checked.stdout]).toEqual([1, expect.stringMatching(problem)]);
    // What was in force before still is.
    await hook.accepted(2);
    await until('the mail waits', async () => {
      const mail = (await mesh.ask('odcm', 'alertRoutes')).find(({ name }) => name === 'mail');
      return mail?.state === 'failing' && mail.queued === 1;
    });
    expect((await odcm('alerts', 'routes')).stdout).toMatch(
      /^mail: connect ECONNREFUSED .*\. See that "host" and "port" of the route are right/m,
    );

    await mesh.kill('odcm');
    servers.push(await openMailServer({ ...MAIL, port: servers[0]!.port }));
    await mesh.start('odcm');
    const { id } = await mailOf(BROKEN);
    expect(hook.received[1]!.headers['odcm-id']).toBe(id);
    expect(await mesh.ask('odcm', 'alerts')).toMatchObject([
      { rule: 'configuration-broken', state: 'open' },
      { id: alert!.id, subject: 'payments', state: 'acked', ackedBy: 'Lisa' },
    ]);
  });

  it('is told once more when it is back', async () => {
    await writeSettings(JSON.stringify(settings()));
    await mailOf(OVER(BROKEN));
    await mesh.start('payments');
    await mailOf(OVER(OFFLINE));
    await hook.accepted(4);
    expect(mails().map(({ subject }) => subject)).toEqual([
      ...[OFFLINE, BROKEN, OVER(BROKEN), OVER(OFFLINE)],
    ]);
    const ids = mails().map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    expect(hook.received.map(({ headers }) => headers['odcm-id'])).toEqual(ids);
    expect((await odcm('alerts')).stdout).toContain('Nothing is wrong');
  });
});

describe.runIf(hasTmux)('a node that is stopped and continued', () => {
  it('is called slow meanwhile, on a screen whose keys work', async () => {
    process.kill(mesh.pid('odcm'), 'SIGSTOP');
    try {
      await terminal.shows('dash', /slow, waiting \d/);
      terminal.keys('dash', '4');
      await terminal.shows('dash', /^ Trust/m);
      terminal.keys('dash', '1');
      await terminal.shows('dash', /payments/);
    } finally {
      process.kill(mesh.pid('odcm'), 'SIGCONT');
    }
    await terminal.shows('dash', / live \d\d:\d\d:\d\dZ/);
    expect((await statesOf())['online']?.length).toBe(2);
  });
});

describe('what is wrong in the configuration', () => {
  it.each([
    ['refused', /^refused: the server refuses nobody@acme\.example \(550 .*\)\. Correct "to" of /m],
    ['unvouched', /^unvouched: the certificate of localhost is not trusted .*\. .*"caFile" of /m],
    ['locked', /^locked: the server refuses the login \(535 .*\[redacted\]\)\. Correct "user" /m],
  ])('is said on one line, with what to do: route %s', async (route, line) => {
    const { code, stdout } = await odcm('alerts', 'test', route);
    expect([code, stdout]).toEqual([1, expect.stringMatching(line)]);
  });
});

describe('the folder of a node with alerts and reports', () => {
  it('holds no secret in what is written or said', async () => {
    const home = mesh.home('odcm');
    const entries = await readdir(join(home, 'alerts'), { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    expect(files).toContain(join(home, 'alerts', 'state.json'));
    const texts = await Promise.all(
      [...files, join(home, 'node.log')].map((file) => readFile(file, 'utf8')),
    );
    const routes = (await odcm('alerts', 'routes', '--json')).stdout;
    const shown = hasTmux ? [terminal.screen('dash')] : [];
    const bodies = hook.received.map(({ body }) => body);
    const all = [...texts, ...said, routes, ...shown, ...bodies].join('\n');
    expect(all).toContain('alert route fails');
    for (const secret of [MAIL_PASSWORD, WRONG_PASSWORD, HOOK_KEY])
      for (const form of [secret, Buffer.from(secret).toString('base64'), JSON.stringify(secret)])
        expect(all).not.toContain(form);
  });

  it('is sound', async () => {
    const toMs = Date.now() - 60_000;
    const span = { space: 'odcm', count: 50, fromMs: toMs - 3_600_000, toMs, seed: 3 };
    const input = [...sampleDeployments(span)].map((one) => `${JSON.stringify(one)}\n`).join('');
    const added = await mesh.run(['deployments', 'add', '-', '--home', mesh.home('odcm')], {
      input,
    });
    expect(added.code).toBe(0);
    await mesh.kill('odcm');
    const { code, stdout } = await odcm('fsck', '--json');
    expect([code, JSON.parse(stdout).problems]).toEqual([0, []]);
  });
});
