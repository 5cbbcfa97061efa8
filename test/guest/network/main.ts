// The app of the network tests: all servers, and tasks on request. The same program is the guest's peer on
// the host, with ports of its own.
import process from 'node:process';
import { guestBase } from './ports.ts';
import { startServers } from './servers.ts';
import { runTask } from './tasks.ts';

const base = Number(process.env.PORT_BASE ?? guestBase);

const close = await startServers({
  base,
  runTask,
  onExit: async () => {
    console.log('asked to end');
    await close();
    // Nothing is left that keeps the process up, except an inspector that a test opened.
    setTimeout(() => process.exit(0), 2_000).unref();
  },
});
console.log(`servers listen from port ${base}`);
