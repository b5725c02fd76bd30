import { testFamilies } from './quick.ts';

await testFamilies('NC');
