/** Drivers in isolates of their own, of which the network's is killed 8 times. */
import { runPlaced } from '../placement/composition.ts';

runPlaced(8, 4);
