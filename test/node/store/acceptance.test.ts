import { join } from 'node:path';
import { openLevelStore } from '../../../node/store/level.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { storeSuite } from '../../suites/store.ts';
import { tempFolder } from '../temp-folder.ts';

storeSuite('store on LevelDB', async () => openLevelStore(join(await tempFolder(), 'db')));
storeSuite('store in memory', async () => new MemoryStore());
