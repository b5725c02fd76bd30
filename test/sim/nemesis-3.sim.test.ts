import { testHand } from './nemesis-seeds.ts';

testHand(3);
