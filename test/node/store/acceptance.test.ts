import { join } from 'node:path';
import { openLevelStore } from '../../../node/store/level.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { Write, WriteOptions } from '../../../node/store/store.ts';
import { WriteBehind } from '../../../node/store/write-behind.ts';
import { storeSuite } from '../../suites/store.ts';
import { tempFolder } from '../temp-folder.ts';
import { VirtualTime } from '../virtual-time.ts';

storeSuite('store on LevelDB', async () => openLevelStore(join(await tempFolder(), 'db')));
storeSuite('store in memory', async () => new MemoryStore());

/** Whatever need not be synced is left to it. */
class Derived extends WriteBehind {
  override write(batch: readonly Write[], options: WriteOptions = {}): Promise<void> {
    return super.write(batch, { isDerived: true, ...options });
  }
}

storeSuite(
  'store that writes behind',
  async () => new Derived(new MemoryStore(), new VirtualTime()),
);
