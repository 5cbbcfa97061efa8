// The network options of the tools, and the parts of the network tests that are programs themselves.
import { createServer } from 'node:net';
import test from 'ava';
import { ToolError } from '../../lib/cli/src/command.ts';
import { hasEstablished } from '../../lib/cli/src/listener.ts';
import {
  checkForwards,
  checkTap,
  findFreePort,
  networkArguments,
  parseForward,
} from '../../lib/cli/src/network.ts';
import { FaultyWire, seededRandom, type WireFaults } from '../guest/support/relay.ts';

test('ports are parsed', (t) => {
  const local = { protocol: 'tcp', address: '127.0.0.1' };
  t.deepEqual(parseForward('8080'), { ...local, host: 8080, guest: 8080 });
  t.deepEqual(parseForward('8000:80'), { ...local, host: 8000, guest: 80 });
  t.deepEqual(parseForward('0.0.0.0:8000:80'), {
    protocol: 'tcp',
    address: '0.0.0.0',
    host: 8000,
    guest: 80,
  });
  t.deepEqual(parseForward('5353:53/udp'), { ...local, protocol: 'udp', host: 5353, guest: 53 });
  for (const wrong of ['', 'http', '0:80', '80:65536', '1:2:3', '80/sctp', '-1:80', '80:']) {
    t.throws(() => parseForward(wrong), { instanceOf: ToolError }, wrong);
  }
});

test('QEMU gets a device and what it is plugged into', (t) => {
  t.deepEqual(networkArguments(undefined), []);
  t.deepEqual(networkArguments({ forward: [parseForward('8000:80')] }), [
    ...['-netdev', 'user,id=net0,ipv4=on,ipv6=on,hostfwd=tcp:127.0.0.1:8000-:80'],
    ...['-device', 'virtio-net-pci,netdev=net0,romfile='],
  ]);
  t.deepEqual(networkArguments({ device: 'e1000', tap: 'tap7', mac: '52:54:00:00:00:07' }), [
    ...['-netdev', 'tap,id=net0,ifname=tap7,script=no,downscript=no'],
    ...['-device', 'e1000,netdev=net0,romfile=,mac=52:54:00:00:00:07'],
  ]);
  t.deepEqual(networkArguments({ pcap: 'a,b.pcap' }).slice(-2), [
    ...['-object', 'filter-dump,id=capture0,netdev=net0,file=a,,b.pcap'],
  ]);
});

test('a port that is taken is passed over, or refused with another', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  t.true((await findFreePort(port)) > port);
  const error = await t.throwsAsync(checkForwards([parseForward(`${port}:80`)]), {
    instanceOf: ToolError,
  });
  t.regex(error.message, /another program listens on it.*--port \d+:80/s);
  server.close();
});

test('a TAP device that is not there comes with the commands that make it', async (t) => {
  const error = await t.throwsAsync(checkTap('no-such-tap'), { instanceOf: ToolError });
  t.regex(error.message, /ip tuntap add dev no-such-tap mode tap user/);
});

test("QEMU's table tells when the guest has accepted", (t) => {
  const table = (state: string) =>
    [
      'Hub -1 (net0):',
      '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ',
      `  TCP[${state}]      12       127.0.0.1  8000       10.0.2.15  8080     0     0`,
      '  TCP[HOST_FORWARD]  10       127.0.0.1  8000       10.0.2.15  8080     0     0',
    ].join('\r\n');
  t.true(hasEstablished(table('ESTABLISHED'), 8080));
  t.false(hasEstablished(table('ESTABLISHED'), 8000));
  t.false(hasEstablished(table('SYN_SENT'), 8080));
  t.false(hasEstablished('', 8080));
});

/** Sends numbered frames over a wire and gives what arrives at once, with the counts. */
function transmit(faults: WireFaults, seed: number, frames: number) {
  const counts = { frames: 0, lost: 0, duplicated: 0, reordered: 0 };
  const arrived: number[] = [];
  const wire = new FaultyWire(faults, seed, counts, (frame) => arrived.push(frame[0] as number));
  for (let index = 0; index < frames; index++) wire.take(Uint8Array.of(index & 0xff));
  return { counts, arrived };
}

test('a wire without faults passes everything in order', (t) => {
  const { counts, arrived } = transmit(
    { loss: 0, duplication: 0, reordering: 0, delay: 0 },
    1,
    100,
  );
  t.deepEqual(
    arrived,
    Array.from({ length: 100 }, (_, index) => index),
  );
  t.deepEqual(counts, { frames: 100, lost: 0, duplicated: 0, reordered: 0 });
});

test('a faulty wire does what its rates say, and the same again with the same seed', (t) => {
  const faults = { loss: 0.1, duplication: 0.05, reordering: 0.2, delay: 1 };
  const { counts, arrived } = transmit(faults, 42, 10_000);
  t.true(Math.abs(counts.lost - 1000) < 150);
  t.true(Math.abs(counts.duplicated - 450) < 100);
  t.true(Math.abs(counts.reordered - 1800) < 200);
  const again = transmit(faults, 42, 10_000);
  t.deepEqual(again, { counts, arrived });
  t.notDeepEqual(transmit(faults, 43, 10_000).counts, counts);
});

test('random numbers are between 0 and 1 and spread evenly', (t) => {
  const random = seededRandom(7);
  const buckets = new Array<number>(10).fill(0);
  for (let index = 0; index < 10_000; index++) {
    const number = random();
    t.true(number >= 0 && number < 1);
    buckets[Math.floor(number * 10)]!++;
  }
  t.true(buckets.every((count) => count > 850 && count < 1150));
});
