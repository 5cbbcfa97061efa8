// Runs the torture. Its parameters, as arguments or with commas in TORTURE: seconds, seed, seconds without a step
// that are a hang, and the name of an activity to run alone. Ends with 1 when something is wrong.
import addon from '../../../build/test/guest/torture.node';

const [seconds = '10', seed = '1', stallSeconds = '60', only = ''] =
  process.env.TORTURE?.split(',') ?? process.argv.slice(2);
addon.run(Number(seconds), Number(seed), Number(stallSeconds), only);
