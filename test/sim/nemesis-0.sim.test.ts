import { testHand } from './nemesis-seeds.ts';

testHand(0);
