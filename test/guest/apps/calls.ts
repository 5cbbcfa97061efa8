// Makes system calls from native code: `main.mjs GROUP...`.
import addon from '../../../build/test/guest/native.node';

for (const group of process.argv.slice(2)) addon.calls(group);
