// Sample data of the demo, made by code: documents in the shapes of Octopus Deploy's API, without any secret. The same
// every time, so that a hash in one run can be compared with that of another.

import { createHash } from 'node:crypto';
import { uuidFromBytes } from '../../protocols/ids.ts';

/** One item of a feed as the bytes that are published. */
export interface Sample {
  readonly item: string;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** An id that looks random and is always the same for one name. */
const sampleId = (name: string): string => uuidFromBytes(sha256(name).subarray(0, 16));

const json = (item: string, value: object): Sample => ({
  item,
  bytes: Buffer.from(`${JSON.stringify(value, null, 2)}\n`),
  mediaType: 'application/json',
});

interface Variable {
  readonly name: string;
  /** Null for a secret: those stay where they are. */
  readonly value: string | null;
  readonly environment?: string;
}

const variableSet = (item: string, number: number, version: number, variables: Variable[]) => {
  const owner = `LibraryVariableSets-${number}`;
  return json(item, {
    Id: `variableset-${owner}`,
    OwnerId: owner,
    SpaceId: 'Spaces-1',
    Version: version,
    Variables: variables.map(({ name, value, environment }) => ({
      Id: sampleId(`${item}/${name}/${environment ?? ''}`),
      Name: name,
      Value: value,
      Description: '',
      Type: value === null ? 'Sensitive' : 'String',
      Scope: environment === undefined ? {} : { Environment: [environment] },
      IsEditable: true,
      IsSensitive: value === null,
      Prompt: null,
    })),
    ScopeValues: { Environments: [], Machines: [], Actions: [], Roles: [], Channels: [] },
  });
};

/** Connection strings as of a version: the pool grows with it, so that each version differs in one value. */
export function connectionStrings(version: number): Sample {
  const database = (host: string): string => `Server=${host};Database=orders;Encrypt=true`;
  return variableSet('connection-strings', 12, version, [
    { name: 'Db.Orders', value: database('db-dev.acme.example'), environment: 'Environments-1' },
    { name: 'Db.Orders', value: database('db-eu.acme.example'), environment: 'Environments-4' },
    { name: 'Db.Orders', value: database('db-us.acme.example'), environment: 'Environments-5' },
    { name: 'Db.PoolSize', value: String(20 + version) },
    { name: 'Db.Password', value: null },
  ]);
}

export function variableSets(): Sample[] {
  return [
    connectionStrings(1),
    variableSet('logging', 13, 4, [
      { name: 'Log.Level', value: 'Debug', environment: 'Environments-1' },
      { name: 'Log.Level', value: 'Information' },
      { name: 'Log.Sink', value: 'https://logs.acme.example/ingest' },
      { name: 'Log.RetentionDays', value: '30' },
    ]),
    variableSet('on-call', 14, 2, [
      { name: 'OnCall.Primary', value: 'Barry' },
      { name: 'OnCall.Secondary', value: 'Lisa' },
      { name: 'OnCall.Phone', value: '+00 555 0100' },
    ]),
  ];
}

/** What payments shares with nobody until ODCM grants it. */
export function settlementVariables(version: number): Sample {
  return variableSet('settlement', 31, version, [
    { name: 'Settlement.CutOff', value: `${15 + version}:30` },
    { name: 'Settlement.Bank', value: 'https://settle.bank.example/v2' },
    { name: 'Settlement.ApiKey', value: null },
  ]);
}

const TEMPLATES: readonly (readonly [string, string, string, string])[] = [
  [
    'check-disk-space',
    'Check disk space',
    'Stops a deployment where less than a tenth of the disk is free.',
    'df --output=pcent "$Path" | tail -n 1',
  ],
  [
    'drain-web-node',
    'Drain web node',
    'Takes a node out of the load balancer and waits until no request is left.',
    'curl -fsS -X POST "$Balancer/drain/$(hostname)"',
  ],
  [
    'notify-on-call',
    'Notify on-call',
    'Tells whoever is on call that a production deployment begins.',
    'curl -fsS "$Pager" --data "deploying $Release"',
  ],
  [
    'purge-cdn-path',
    'Purge CDN path',
    'Drops cached copies of one path after static files were replaced.',
    'curl -fsS -X PURGE "$Cdn$Path"',
  ],
  [
    'run-smoke-test',
    'Run smoke test',
    'Asks the health address until it answers or the time is over.',
    'until curl -fsS "$HealthUrl"; do sleep 2; done',
  ],
  [
    'warm-up-site',
    'Warm up site',
    'Visits the most used pages once, so that no customer waits for the first one.',
    'xargs -n 1 curl -fsSo /dev/null < "$Pages"',
  ],
];

function stepTemplate(index: number, version: number): Sample {
  const [item, name, description, script] = TEMPLATES[index]!;
  return json(item, {
    Id: sampleId(`template/${item}`),
    Name: name,
    Description: description,
    ActionType: 'Octopus.Script',
    Version: version,
    Properties: {
      'Octopus.Action.Script.ScriptSource': 'Inline',
      'Octopus.Action.Script.Syntax': 'Bash',
      'Octopus.Action.Script.ScriptBody': `set -euo pipefail\n${script}\n`,
    },
    Parameters: [...script.matchAll(/\$([A-Z][A-Za-z]+)/g)].map(([, parameter]) => ({
      Id: sampleId(`template/${item}/${parameter}`),
      Name: parameter,
      Label: parameter,
      HelpText: '',
      DefaultValue: null,
      DisplaySettings: { 'Octopus.ControlType': 'SingleLineText' },
    })),
    LastModifiedBy: 'Lisa',
    Category: 'acme',
  });
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** One of them begins with a byte-order mark, as exported files do now and then: it must arrive with it. */
export function stepTemplates(): Sample[] {
  const samples = TEMPLATES.map((_, index) => stepTemplate(index, 1));
  const first = samples[0]!;
  return [{ ...first, bytes: Buffer.concat([BYTE_ORDER_MARK, first.bytes]) }, ...samples.slice(1)];
}

/** The next version of a template that is there already. */
export const changedTemplate = (version: number): Sample => stepTemplate(4, version);

const ENVIRONMENTS = [
  ['development', 'Development', true],
  ['test', 'Test', true],
  ['staging', 'Staging', false],
  ['production-eu', 'Production EU', false],
  ['production-us', 'Production US', false],
  ['disaster-recovery', 'Disaster Recovery', false],
] as const;

/** The master list from which a space picks what it uses. */
export function environments(): Sample[] {
  return ENVIRONMENTS.map(([slug, name, isDynamic], index) =>
    json(slug, {
      Id: `Environments-${index + 1}`,
      SpaceId: 'Spaces-1',
      Name: name,
      Slug: slug,
      Description: `${name} of all products`,
      SortOrder: index,
      UseGuidedFailure: !isDynamic,
      AllowDynamicInfrastructure: isDynamic,
      EnvironmentTags: [],
      ExtensionSettings: [],
    }),
  );
}

export function users(): Sample[] {
  return ['Barry', 'Lisa', 'Bob', 'Geoff'].map((name, index) => {
    const username = name.toLowerCase();
    return json(username, {
      Id: `Users-${index + 1}`,
      Username: username,
      DisplayName: name,
      EmailAddress: `${username}@acme.example`,
      IsActive: true,
      IsService: false,
      Identities: [],
    });
  });
}

const EXTENSION_BYTES = 300_000;

/** A server extension: bytes that no compression and no JSON reader would leave alone, from a seed. */
export function serverExtension(seed = 'audit-trail-extension-1.4.0'): Sample {
  const blocks = Array.from({ length: Math.ceil(EXTENSION_BYTES / 32) }, (_, index) =>
    sha256(`${seed}/${index}`),
  );
  const bytes = Buffer.concat(blocks).subarray(0, EXTENSION_BYTES);
  return { item: 'audit-trail', bytes, mediaType: 'application/octet-stream' };
}
