// alerts.json of the demo: in its own folder and for its own few minutes, so that alerts come and go while somebody looks.
// The defaults of the program are another matter and stay as they are.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const ALERT_SETTINGS = {
  version: 1,
  // Nobody who tries a demo wants it to ring.
  bell: 'off',
  rules: {
    'space-offline': { for: '0s', clear: '0s' },
    'feed-behind': { for: '0s', clear: '0s', age: '45s' },
    'deployments-failed': { window: '10m', clear: '0s' },
    // Certificates of spaces live for 30 days, and these are minutes old.
    'certificate-expiring': { before: '10d', critBefore: '3d' },
  },
};

/** For a node that does not run yet, or reads it within seconds. */
export const writeAlertSettings = (home: string): Promise<void> =>
  writeFile(join(home, 'alerts.json'), `${JSON.stringify(ALERT_SETTINGS, null, 2)}\n`, {
    mode: 0o600,
  });
