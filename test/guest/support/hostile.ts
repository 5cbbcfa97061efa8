// A hostile neighbour on the guest's wire: `node hostile.ts '{"attack":...}'` sends frames and prints how
// many. The wire is a hub in QEMU with a port that takes each UDP datagram as a frame; see wireArguments().
import dgram from 'node:dgram';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { inRepository, nodeBinary } from '../../../lib/cli/src/paths.ts';
import { attacks } from './hostile-frames.ts';
import type { Namespace } from './namespace.ts';
import { seededRandom } from './relay.ts';

/** An attack. */
export interface Attack {
  /** One of `attacks`. */
  readonly attack: string;
  /** The guest's listening port. */
  readonly port: number;
  /** How many frames, unless the attack ends before. */
  readonly frames: number;
  /** Frames per second, as far as this machine gets there. */
  readonly rate: number;
  readonly seed: number;
}

const ports = { guest: 20_020, neighbour: 20_021 } as const;

/**
 * QEMU's arguments for a guest whose card shares a wire with a TAP device and with the neighbour.
 * @param tap name of the TAP device
 * @param device QEMU's name of the card, and its properties
 */
export function wireArguments(tap: string, device: string): string[] {
  const end = (name: string, port: number) =>
    `${name}.type=inet,${name}.host=127.0.0.1,${name}.port=${port}`;
  return [
    ...['-netdev', `tap,id=tap,ifname=${tap},script=no,downscript=no,vnet_hdr=off`],
    ...[
      '-netdev',
      `dgram,id=neighbour,${end('local', ports.guest)},${end('remote', ports.neighbour)}`,
    ],
    ...['-netdev', 'hubport,id=port0,hubid=0,netdev=tap'],
    ...['-netdev', 'hubport,id=port1,hubid=0,netdev=neighbour'],
    ...['-netdev', 'hubport,id=net0,hubid=0', '-device', `${device},netdev=net0,romfile=`],
  ];
}

/**
 * Starts an attack in a namespace.
 * @returns what waits for its end, and gives how many frames were sent
 */
export function startAttack(namespace: Namespace, attack: Attack): () => Promise<number> {
  const program = namespace.start([
    nodeBinary,
    inRepository('test/guest/support/hostile.ts'),
    JSON.stringify(attack),
  ]);
  return async () => {
    await program.printed(/sent \d+/);
    return Number(/sent (\d+)/.exec(program.output)?.[1]);
  };
}

/** Sends frames until the attack is over. */
async function run({ attack, port, frames, rate, seed }: Attack): Promise<number> {
  const make = attacks[attack]?.(port);
  if (make === undefined) throw new Error(`There is no attack ${attack}.`);
  const random = seededRandom(seed);
  const socket = dgram.createSocket('udp4');
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.connect(ports.guest, '127.0.0.1', resolve));
  socket.setSendBufferSize(4 << 20);
  const start = performance.now();
  let sent = 0;
  for (; sent < frames; sent++) {
    const frame = make(sent, random);
    if (frame === null) break;
    if (sent % 64 === 63) {
      // In bursts, as they come from a wire; what the socket has no room for waits.
      await new Promise<void>((resolve) => socket.send(frame, () => resolve()));
      const ahead = (sent / rate) * 1000 - (performance.now() - start);
      if (ahead > 1) await sleep(ahead);
    } else {
      socket.send(frame, () => {});
    }
  }
  socket.close();
  return sent;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const attack = JSON.parse(process.argv[2] ?? '{}') as Attack;
  console.log(`sent ${await run(attack)} of ${attack.attack}`);
}
