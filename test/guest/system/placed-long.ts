/** Drivers in isolates of their own, of which the network's is killed 100 times. */
import { runPlaced } from '../placement/composition.ts';

runPlaced(100, 100);
