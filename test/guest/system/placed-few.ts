/** Drivers in isolates of their own, of which the network's is killed 3 times. */
import { runPlaced } from '../placement/composition.ts';

runPlaced(3, 4);
