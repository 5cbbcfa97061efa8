/** The socket service against a kernel side that lies: blocks, rings and lists of arbitrary content. */
import { loopbackV4 } from '@runtimejs/net/address.ts';
import { socketBlock } from '@runtimejs/net/generated/shared-memory.ts';
import { blockWord, field } from '@runtimejs/net/sockets/block.ts';
import { Agenda } from '../../sim/support/clock.ts';
import { Link, perfectLink } from '../../sim/support/link.ts';
import { type Random, seededRandom } from '../../sim/support/random.ts';
import { SocketHost } from '../../sim/support/socket-host.ts';
import { second } from '../../sim/support/world.ts';
import type { FakeSocket } from '../../unit/support/fake-broker.ts';
import type { FuzzTarget } from '../support/target.ts';

const fields = Object.values(field);
const numbers = [0, 1, 2, -1, 4, 8, 16, 255, 4096, 0x7fffffff, -0x80000000, 65_536, 1 << 20];

/** Requests as apps make them, and others. */
function ask(random: Random, socket: FakeSocket): void {
  const data = new Uint8Array(random.pick([0, 4, 4, 8, 16, 40, 128]));
  random.fill(data);
  const address = { address: loopbackV4, port: random.pick([0, 80, 7000, 7001, 65_535]) };
  switch (random.integer(0, 7)) {
    case 0:
      socket.bind(address, random.integer(0, 7));
      break;
    case 1:
      socket.connect(random.chance(0.1) ? undefined : address);
      break;
    case 2:
      socket.listen(random.pick(numbers));
      break;
    case 3:
      socket.setOption(random.pick([0, 1, 6, 17, 41, 255]), random.integer(0, 80), data);
      break;
    case 4:
      socket.getOption(random.pick([0, 1, 6, 17, 41, 255]), random.integer(0, 80));
      break;
    default:
      socket.request(
        random.integer(-1, 9),
        random.pick(numbers),
        random.pick(numbers),
        address,
        data,
      );
  }
}

/** What a system call does to a socket. Returns the one that accept() gave. */
function use(random: Random, socket: FakeSocket): FakeSocket | undefined {
  switch (random.integer(0, 6)) {
    case 0:
      if (socket.kind === 1) socket.write(new Uint8Array(random.integer(0, 40_000)));
      break;
    case 1:
      if (socket.kind === 1) socket.read(random.integer(1, 50_000));
      break;
    case 2:
      socket.shutdown(random.pick(['send', 'receive'] as const));
      break;
    case 3:
      if (socket.kind !== 1)
        socket.sendTo(new Uint8Array(random.integer(0, 9_000)), {
          address: loopbackV4,
          port: 7000,
        });
      break;
    case 4:
      if (socket.kind !== 1) socket.receiveFrom();
      break;
    case 5:
      return socket.accept();
    default:
      if (random.chance(0.3)) socket.close(random.chance(0.5));
  }
  return undefined;
}

export const socketsTarget: FuzzTarget = {
  name: 'sockets',
  shortRun: 25,
  run(seed) {
    const random = seededRandom(seed);
    const agenda = new Agenda();
    const link = new Link(agenda, random, { ...perfectLink });
    const abilities = { mtu: 1500, checksums: true, segmentation: true, receiveBuffer: 2048 };
    const host = new SocketHost(agenda, random, link, 0, abilities);
    const { kernel, memory } = host;
    // Half of the runs have an honest kernel and wild apps: those must leave nothing behind.
    const lies = random.chance(0.5);
    const sockets: FakeSocket[] = [];
    const pass = (microseconds: number): void => {
      const end = agenda.now + microseconds;
      for (let events = 0; agenda.next <= end; events += 1) {
        if (events > (lies ? 100 : 50_000)) {
          if (!lies) throw new Error('endless activity');
          break; // whoever lies may keep the service busy, but not within one turn
        }
        agenda.step();
      }
      agenda.now = Math.max(agenda.now, end);
    };
    for (let step = 0; step < 300; step += 1) {
      if (sockets.length < 10 && random.chance(0.2)) {
        sockets.push(kernel.socket(random.pick([1, 1, 2, 3, lies ? 9 : 2]), random.pick([2, 10])));
      }
      const socket = sockets[random.integer(0, 9)];
      if (socket === undefined) continue;
      if (socket.isClosed) {
        sockets.splice(sockets.indexOf(socket), 1);
        continue;
      }
      const isAnswered = socket.reply !== undefined;
      if (isAnswered && random.chance(0.4)) ask(random, socket);
      else if (random.chance(0.7)) {
        try {
          const accepted = use(random, socket);
          if (accepted !== undefined) sockets.push(accepted);
        } catch (error) {
          if (!lies) throw error;
        }
      }
      if (lies && random.chance(0.3)) lie(random, memory.words, random.pick(sockets));
      host.wake();
      pass(random.pick([0, 0, 100, 10_000, second]));
    }
    if (!lies) {
      for (const socket of sockets) if (!socket.isClosed) socket.close(true);
      host.wake();
      pass(1_000 * second);
      const left = host.left();
      if (left.length > 0) throw new Error(`left: ${left.join(', ')}`);
    }
    host.close();
  },
};

/** Changes a word of the socket's block, any of them but the links of the lists. */
function lie(random: Random, words: Int32Array, socket: FakeSocket): void {
  const block = blockWord(socket.id);
  const links = [socketBlock.serviceQueued, socketBlock.serviceNext].map((at) => at >> 2);
  const at = random.pick(fields);
  if (links.includes(at) || at >= socketBlock.size / 4) return;
  words[block + at] = random.chance(0.7) ? random.pick(numbers) : random.integer(-1e9, 1e9);
}
