// The initrd's files are read-only, and what is in no initrd can be made only in /tmp.
import fs from 'node:fs';

for (const [name, action] of Object.entries({
  'write to the app': () => fs.appendFileSync('/app/main.mjs', 'x'),
  'new file in the app': () => fs.writeFileSync('/app/new', 'x'),
  'remove the app': () => fs.unlinkSync('/app/main.mjs'),
  'rename in the root': () => fs.renameSync('/etc/hosts', '/etc/moved'),
  'new directory in the root': () => fs.mkdirSync('/new'),
  'change a mode': () => fs.chmodSync('/bin/node', 0o777),
  'write to /tmp': () => fs.writeFileSync('/tmp/x', 'x'),
  'read the app': () => fs.readFileSync('/app/main.mjs').length > 0,
})) {
  try {
    action();
    console.log(`${name}: done`);
  } catch (error) {
    console.log(`${name}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
