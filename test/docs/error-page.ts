// docs/ERRORS.md out of the table of refusal codes: its order and its headings are those of the source, the rest is read
// from the running module.

import { CODES, type Code, type Fault } from '../../protocols/errors.ts';

const FAULTS: Readonly<Record<Fault, string>> = {
  peer: 'other side',
  local: 'this machine',
  operator: 'who typed',
};

const HEAD = `# Refusals

<!-- Made from protocols/errors.ts with: npm run docs. Do not edit here. -->

Every refusal has a code. The code never changes once it is released, so that scripts and monitoring can match on it. The
text beside it may change.

A command that is refused writes one line to standard error: the code, the thing, and what to do next.

\`\`\`
odcm: FEED_UNKNOWN: no feed "library/templates" is in the directory. See the known feeds with: odcm feeds
\`\`\`

- **fault** says who has to change something: the *other side*, *this machine*, or *who typed* the command.
- **HTTP** is the status of the control API.
- **exit** is the exit code of the command. 1 is a fault, 2 wrong usage, 3 not reachable, 4 no such thing, 5 refused by policy.
- **next** is what the line says when nothing better is known.
`;

export function errorPage(source: string): string {
  const table = source.slice(source.indexOf('export const CODES'), source.indexOf('as const'));
  const lines: string[] = [];
  for (const line of table.split('\n')) {
    const heading = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    const code = /^ {2}([A-Z][A-Z_]*): row\(/.exec(line)?.[1];
    if (heading !== undefined) {
      lines.push('', `## ${heading}`, '', '| code | fault | HTTP | exit | next |');
      lines.push('| --- | --- | --- | --- | --- |');
    } else if (code !== undefined) lines.push(rowOf(code as Code));
  }
  return `${HEAD}${lines.join('\n')}\n`;
}

function rowOf(code: Code): string {
  const { fault, http, exit, next } = CODES[code];
  return `| \`${code}\` | ${FAULTS[fault]} | ${http} | ${exit} | ${next} |`;
}
