import { BINARY } from '../fuzz/binary.ts';
import { CERTIFICATES } from '../fuzz/certificates.ts';
import { fuzz, type Target } from '../fuzz/fuzz.ts';
import { GAP } from '../fuzz/gap.ts';
import { TEXT } from '../fuzz/text.ts';
import type { Row, RunRow } from '../row.ts';

const parsers = (id: string, kind: string, targets: readonly Target[]): RunRow => ({
  id,
  what: `changed and made-up inputs for ${targets.length} ${kind}`,
  how: 'fuzz',
  expected: 'one form or a refusal, <= 10 ms each',
  run: (size) => fuzz(targets, size),
});

export const rows: readonly Row[] = [
  parsers('F01', 'binary formats', BINARY),
  parsers('F02', 'text formats', TEXT),
  parsers('F02', 'formats that cross an air gap', GAP),
  parsers('F03', 'kinds of keys and certificates', CERTIFICATES),
];
