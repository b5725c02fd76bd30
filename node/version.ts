// The version of the program: stated once, in package.json.

import manifest from '../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
