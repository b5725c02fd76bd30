// Where the checkout is, for what reads or runs its files.

import { join } from 'node:path';

export const repository = join(import.meta.dirname, '../..');
