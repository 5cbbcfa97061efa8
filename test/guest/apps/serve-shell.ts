/** An app with a shell on a second console: one line, off unless the kernel is started with shell=. */
import { serveShell } from '@runtimejs/shell';

const shell = serveShell();
console.log(shell === undefined ? 'no shell' : 'a shell');
setInterval(() => {}, 1000);
