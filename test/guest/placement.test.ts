// Drivers in isolates of their own: what they cannot reach, and what goes on when they are killed.
// RUNTIMEJS_TEST_LONG=1 kills the network's driver 100 times under load.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { createPattern } from './placement/pattern.ts';
import { composeSystem } from './support/compose-system.ts';
import { printed } from './support/console.ts';
import { bootApp, expectEnd, reported } from './support/endings.ts';
import { freePort } from './support/free-port.ts';
import { guestInitrd } from './support/guest.ts';

const isLong = process.env.RUNTIMEJS_TEST_LONG === '1';
const blockBytes = 16 * 1024;

for (const machine of ['pc', 'q35']) {
  test.serial(`an isolate has its device, and reaches no other: ${machine}`, async (t) => {
    const app = {
      name: 'placement-forge',
      entry: 'apps/platform.ts',
      system: await composeSystem('forge'),
    };
    const result = await bootApp(app, {
      append: 'log=info',
      extraArguments: ['-M', machine, '-device', 'virtio-rng-pci', '-device', 'e1000'],
    });
    expectEnd(t, result, 0, [/the app ends/]);
    const { output } = result;
    t.notRegex(output, /platform: problem/);
    const forged = [...output.matchAll(/platform: forged\.(\w+) (\S+)/g)];
    t.deepEqual(Object.fromEntries(forged.map(([, name, value]) => [name, JSON.parse(value!)])), {
      others: [],
      functions: 1,
      otherFunction: 'ENODEV',
      otherRead: 0xffffffff,
      otherWrite: 'ENODEV',
      otherBar: 'ENODEV',
      otherRegisters: 'ENODEV',
      noBar: 'RangeError',
      otherPort: 0xffffffff,
      portOutside: 'EINVAL',
      otherInterrupt: 'ENODEV',
      otherCount: 'RangeError',
      forgedCount: 'RangeError',
      noCount: 'RangeError',
      releases: true,
      moveRegisters: 'EPERM',
      interruptLine: 'EPERM',
      registerOutside: 'RangeError',
      manyInterrupts: 'ENOSPC',
      memory: 65536,
      copyOutside: 'RangeError',
      copyFar: 'RangeError',
      sumOutside: 'RangeError',
      giveRegisters: 'TypeError',
      transferRegisters: 'TypeError',
      transferMemory: 'TypeError',
      cloneRegisters: true,
    });
    t.deepEqual(reported(output, 'refused'), {
      twice: 'EBUSY',
      two: 'EBUSY',
      none: 'ENODEV',
      bridge: 'EINVAL',
      tooMuch: 'EINVAL',
      forgedDevice: 'ENODEV',
    });
    t.deepEqual(reported(output, 'revoked'), {
      how: 'killed',
      before: true,
      after: false,
      closed: 'died',
    });
    t.is(reported(output, 'second'), 'killed');
    t.is(reported(output, 'again'), 'done');
    t.deepEqual(reported(output, 'held'), { after: false, how: 'killed' });
  });
}

test.serial('an isolate has its device, and reaches no other: virtio over MMIO', async (t) => {
  const app = {
    name: 'placement-forge-mmio',
    entry: 'apps/platform.ts',
    system: await composeSystem('forge-mmio'),
  };
  const result = await bootApp(app, {
    append: 'log=info',
    extraArguments: [
      ...['-machine', 'microvm,acpi=on', '-global', 'virtio-mmio.force-legacy=false'],
      ...['-device', 'virtio-rng-device', '-device', 'virtio-net-device'],
    ],
  });
  expectEnd(t, result, 0, [/the app ends/]);
  const { output } = result;
  t.notRegex(output, /platform: problem/);
  t.deepEqual(reported(output, 'forged'), {
    devices: 1,
    size: true,
    magic: true,
    functions: 0,
    function: 'ENODEV',
    read: 0xffffffff,
    write: 'ENODEV',
    bar: 'ENODEV',
    line: 'ENODEV',
    otherDevice: 'ENODEV',
    otherRegisters: 'ENODEV',
    otherInterrupt: 'ENODEV',
    manyInterrupts: 'ENOSPC',
    giveRegisters: 'TypeError',
    transferRegisters: 'TypeError',
  });
  t.deepEqual(reported(output, 'refused'), { twice: 'EBUSY', two: 'EBUSY', none: 'ENODEV' });
  t.deepEqual(reported(output, 'revoked'), { how: 'killed', before: 3, after: 0 });
  t.deepEqual(reported(output, 'held'), { driven: 3, after: 0 });
  t.is(reported(output, 'tooMuch'), 'EINVAL');
  t.is(reported(output, 'again'), 'done');
});

/**
 * Waits until the guest has said something on a new connection. QEMU's user network forgets the bytes that it holds for
 * the guest when the guest's SYN-ACK comes twice: when the driver dies during the handshake.
 */
async function untilGuestKnows(socket: Socket): Promise<void> {
  await once(socket, 'data');
}

/** A connection on which the pattern goes both ways, until it is ended. */
async function stream(port: number, isOver: () => boolean): Promise<{ in: number; out: number }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const outgoing = createPattern(blockBytes);
  const incoming = createPattern(blockBytes);
  let out = 0;
  let problem: string | undefined;
  socket.on('data', (bytes) => {
    problem ??= incoming.check(bytes as Buffer);
    if (problem !== undefined) socket.destroy(new Error(problem));
  });
  const closed = once(socket, 'close');
  await Promise.race([untilGuestKnows(socket), closed]);
  while (!isOver() && problem === undefined) {
    const block = outgoing.next();
    out += block.length;
    if (!socket.write(block)) await Promise.race([once(socket, 'drain'), closed]);
    if (socket.destroyed) break;
  }
  if (!socket.destroyed) socket.end();
  await closed;
  if (problem !== undefined) throw new Error(problem);
  return { in: incoming.checked, out };
}

/** A machine whose drivers are placed. */
interface MachineKind {
  readonly title: string;
  readonly machine: readonly string[];
  /** The card, and a source of entropy. */
  readonly devices: readonly string[];
  /** Where the log says that the card is. */
  readonly place: RegExp;
}

const onPci: MachineKind = {
  title: 'virtio on PCI',
  machine: [],
  devices: ['virtio-net-pci,netdev=net0,romfile=', 'virtio-rng-pci'],
  place: /virtio-net0: at PCI \S+, in an isolate of its own/,
};
const others: readonly MachineKind[] = [
  {
    title: "Intel's card, which has a line",
    machine: [],
    devices: ['e1000,netdev=net0,romfile=', 'virtio-rng-pci'],
    place: /e1000-0: at PCI \S+, in an isolate of its own/,
  },
  {
    title: 'virtio on MMIO',
    machine: ['-machine', 'microvm,acpi=on', '-global', 'virtio-mmio.force-legacy=false'],
    devices: ['virtio-net-device,netdev=net0', 'virtio-rng-device'],
    place: /virtio-net0: at MMIO slot \d+, in an isolate of its own/,
  },
];

/** Boots the composition whose network driver is killed, and waits until it has an address. */
async function bootPlaced(
  composition: string,
  ports: readonly number[],
  kind: MachineKind = onPci,
): Promise<RunningMachine> {
  const initrd = await guestInitrd('placement-streams', 'placement/streams.ts', {
    system: await composeSystem(composition),
  });
  const forwards = ports.map((host, index) => `,hostfwd=tcp:127.0.0.1:${host}-:${8080 + index}`);
  const machine = await startMachine({
    initrd,
    memoryMegabytes: 384,
    processors: 2,
    append: 'log=info',
    extraArguments: [
      ...kind.machine,
      ...['-netdev', `user,id=net0${forwards.join('')}`],
      ...kind.devices.flatMap((device) => ['-device', device]),
    ],
    timeoutMilliseconds: isLong ? 2_400_000 : 400_000,
  });
  await printed(machine, /Listening on ports/);
  await printed(machine, /eth0: link is up[\s\S]*10\.0\.2\.15/);
  return machine;
}

/** Checks the log: so many kills, no other end, and entropy from two lives of its source. */
async function expectKills(
  t: ExecutionContext,
  machine: RunningMachine,
  kills: number,
): Promise<void> {
  await printed(machine, /(placed: \d+ bytes of entropy[\s\S]*){2}/);
  const output = machine.output();
  t.notRegex(output, /streams: (wrong|error)|kernel panic|isolate failed|broke the rules/);
  const ends = output.match(/its isolate killed: the test has killed it/g)?.length ?? 0;
  t.true(ends > kills / 2 && ends <= kills + 1, `${ends} ends`);
}

/** Has a connection live through a number of kills, which the composition's driver gets. */
async function outlive(
  t: ExecutionContext,
  composition: string,
  kills: number,
  kind: MachineKind,
): Promise<void> {
  t.timeout(450_000);
  const [streams, echo] = [await freePort(), await freePort()];
  const machine = await bootPlaced(composition, [streams, echo], kind);
  try {
    t.regex(machine.output(), kind.place);
    const socket = connect({ port: echo, host: '127.0.0.1', noDelay: true });
    await untilGuestKnows(socket);
    const pattern = createPattern(1000);
    const returned = createPattern(1000);
    const isOver = (): boolean => machine.output().includes(`placed: killed ${kills}`);
    let after = 0;
    // Some more after the last one: with them it is seen to have come back.
    while (after < 20) {
      if (isOver()) after += 1;
      socket.write(pattern.next());
      for (const end = returned.checked + 1000; returned.checked < end; ) {
        const [bytes] = (await once(socket, 'data')) as [Buffer];
        t.is(returned.check(bytes), undefined);
      }
    }
    socket.destroy();
    await expectKills(t, machine, kills);
    t.log(`${returned.checked} bytes there and back on one connection`);
  } catch (error) {
    t.log(machine.output().slice(-8000));
    throw error;
  } finally {
    machine.kill();
  }
}

test.serial("a connection outlives the network's driver, again and again", (t) =>
  outlive(t, 'placed', 8, onPci),
);

for (const kind of others) {
  test.serial(`so it does elsewhere: ${kind.title}`, (t) => outlive(t, 'placed-few', 3, kind));
}

(isLong ? test.serial : test.serial.skip)('100 kills under load: every byte arrives', async (t) => {
  t.timeout(2_500_000);
  const port = await freePort();
  const machine = await bootPlaced('placed-long', [port]);
  try {
    let isOver = false;
    const streams = Promise.all([1, 2, 3].map(() => stream(port, () => isOver)));
    streams.catch(() => {});
    await Promise.race([
      printed(machine, /placed: killed 100\b/),
      streams.then((ended) => {
        throw new Error(`The connections have ended by themselves: ${JSON.stringify(ended)}`);
      }),
    ]);
    isOver = true;
    const ended = await streams;
    for (const { out } of ended) await printed(machine, new RegExp(`streams: received ${out}\\b`));
    t.true(ended.every((each) => each.in > 0 && each.out > 0));
    await expectKills(t, machine, 100);
    t.log(JSON.stringify(ended));
    t.log(
      machine
        .output()
        .match(/streams: counters .*/g)
        ?.at(-1),
    );
  } catch (error) {
    t.log(machine.output().slice(-8000));
    throw error;
  } finally {
    machine.kill();
  }
});
