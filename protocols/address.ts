// The form of a node's address wherever one is sent or signed. Addresses are multiaddrs; here only their characters and
// their length are looked at.

import { LIMITS } from './limits.ts';

export const ADDRESS = new RegExp(`^/[!-~]{1,${LIMITS.addressChars - 1}}$`);
