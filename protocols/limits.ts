// Every bound of the mesh, with its unit in the name and its reason beside it. Nothing else states a bound.

import { EXCHANGE_LIMITS } from './limits/exchange.ts';
import { SITE_LIMITS } from './limits/site.ts';
import { TRUST_LIMITS } from './limits/trust.ts';

export const LIMITS = { ...EXCHANGE_LIMITS, ...TRUST_LIMITS, ...SITE_LIMITS } as const;
