// The secrets of this space that sealed feeds need, out of its folder. Asked anew each time: exchange keys change while it runs.

import type { SealSecrets } from '../feed/key-ring.ts';
import type { Home } from './home.ts';

export const sealSecrets = (home: Home): SealSecrets => ({
  localKey: () => home.localKey(),
  formerLocalKey: () => home.formerLocalKey(),
  exchangeKeys: () => home.exchangeKeys(),
});
