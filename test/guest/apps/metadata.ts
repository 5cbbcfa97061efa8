// Shows what the metadata service said, and that nothing of how it was asked is left.
import { existsSync, readFileSync } from 'node:fs';

const { GREETING, OF_IMAGE, HOSTNAME, RUNTIMEJS_METADATA } = process.env;
const file = '/tmp/user-data';
const userData = existsSync(file) ? readFileSync(file, 'utf8') : null;
const words = process.argv.slice(2);
console.log(
  `settings ${JSON.stringify({ GREETING, OF_IMAGE, HOSTNAME, RUNTIMEJS_METADATA, userData, words })}`,
);
