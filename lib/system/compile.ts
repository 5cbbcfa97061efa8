// Compiles a script, all its functions included: source on standard input, V8's code cache on standard
// output. Run by code-cache.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const standardInput = 0;
const standardOutput = 1;

const source = readFileSync(standardInput, 'latin1');
// The flags are the default ones again when the cache is made: they are part of what V8 compares.
setFlagsFromString('--no-lazy');
setFlagsFromString('--no-flush-bytecode');
const script = new Script(source, { filename: '/system/main.js' });
setFlagsFromString('--lazy');
setFlagsFromString('--flush-bytecode');
setFlagsFromString('--hash-seed=0');
writeFileSync(standardOutput, script.createCachedData());
