/**
 * Node's own REPL in the machine: on a serial line, on a virtio console, on the screen, on whatever the console is
 * on. Completion with the tab key, history with the arrow keys, several lines, colours, `await`; Ctrl-C takes back
 * what was typed, Ctrl-D or `.exit` ends the REPL, and with it the machine.
 */
import os from 'node:os';
import repl from 'node:repl';
import * as kernel from '@runtimejs/kernel';

/** In memory: it lasts as long as the machine. */
const historyFile = '/tmp/.node_repl_history';

const megabytes = Math.round(os.totalmem() / 2 ** 20);
console.log(
  `Runtime.JS: Node ${process.version} without an operating system, ${megabytes} MiB of memory, ` +
    `${os.availableParallelism()} processor(s).\nType .help for help, kernel for what the kernel tells, .exit to end.`,
);

const server = repl.start({ prompt: '> ', breakEvalOnSigint: false });
server.context.kernel = kernel;
server.setupHistory(historyFile, (error) => {
  if (error) console.error(`The history is not kept: ${error.message}`);
});
server.on('exit', () => process.exit());
