import { testFamilies } from './quick.ts';

await testFamilies('TLGF');
