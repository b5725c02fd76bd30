// When a certificate begins and ends. Node's own dates are not taken: for a date that is none they are sometimes whatever lay
// in memory, where the text beside them always says that it is none.

import type { X509Certificate } from 'node:crypto';

export interface Validity {
  /** Milliseconds since 1970; NaN when the certificate states a date that is none. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** RFC 5280, section 4.1.2.5. */
export const validityOf = ({ validFrom, validTo }: X509Certificate): Validity => ({
  fromMs: Date.parse(validFrom),
  toMs: Date.parse(validTo),
});
