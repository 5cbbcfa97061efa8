// What the stack publishes: interfaces for netlink, and files below /proc/net.
import { IpAddress, loopbackV6 } from '@runtimejs/net/address.ts';
import type { DeviceReceiver, NetworkDevice } from '@runtimejs/net/device.ts';
import { socketStream } from '@runtimejs/net/generated/shared-memory.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import { Stack } from '@runtimejs/net/stack.ts';
import {
  renderDevices,
  renderRoutes,
  renderSockets,
  socketFiles,
} from '@runtimejs/net/statistics/proc-files.ts';
import { Publisher, snapshot } from '@runtimejs/net/statistics/publisher.ts';
import test from 'ava';
import { createNetwork } from '../../lib/kernel/src/network.ts';
import { anyPort, FakeWorld } from './support/fake-transports.ts';

/** A card that nothing is plugged into. */
class SilentDevice implements NetworkDevice {
  readonly name = 'silent0';
  readonly kind = 'ethernet';
  readonly hardwareAddress = new Uint8Array([2, 0, 0, 0, 0, 9]);
  readonly mtu = 1500;
  readonly offloads = { transmitChecksum: false, segmentation4: 0, segmentation6: 0 };
  readonly linkUp = true;
  readonly counters = { dropRing: 3 };
  attach(_receiver: DeviceReceiver): void {}
  allocate(): Packet | null {
    return null;
  }
  transmit(packet: Packet): void {
    packet.release();
  }
  flush(): void {}
  poll(): boolean {
    return false;
  }
  armInterrupt(): boolean {
    return false;
  }
  setMulticast(): void {}
}

function world() {
  const fake = new FakeWorld();
  const size = 1 << 20;
  const offset = fake.memory.bytes.length - 2 * size;
  const stack = new Stack(fake.environment, { offset, size });
  return { ...fake, fake, stack };
}

test('interfaces and addresses are published when they change', (t) => {
  const { fake, stack } = world();
  const publisher = new Publisher(
    stack,
    fake.service,
    fake.kernel,
    () => fake.environment.clock.now,
  );
  publisher.poll(0);
  const view = (): DataView => new DataView(fake.kernel.interfaces.buffer);
  t.is(view().byteLength, 64 + 2 * 24, 'loopback with its two addresses');
  t.is(view().getUint32(0, true), 1);
  t.is(Buffer.from(fake.kernel.interfaces.subarray(24, 27)).toString(), 'lo\0');
  t.deepEqual([...fake.kernel.interfaces.subarray(64 + 8, 64 + 12)], [127, 0, 0, 1]);
  t.is(IpAddress.readV6(fake.kernel.interfaces, 64 + 24 + 8).word3, loopbackV6.word3);

  const eth0 = stack.addDevice(new SilentDevice());
  eth0.addAddress(IpAddress.v4(0x0a00020f), 24);
  eth0.addAddress(new IpAddress(0xfe800000 | 0, 0, 0, 1), 64, { state: 'tentative' });
  publisher.poll(1);
  t.is(view().byteLength, 64 + 2 * 24 + 64 + 24, 'an address that is being probed is not shown');
  const at = 64 + 2 * 24;
  t.is(view().getUint32(at + 4, true) & 0x1043, 0x1043);
  t.is(view().getUint16(at + 64 + 2, true), 24);
});

test('files are published once a second while something happens, and not without', (t) => {
  const { fake, stack } = world();
  let now = 10_000_000;
  const publisher = new Publisher(stack, fake.service, fake.kernel, () => now);
  publisher.poll(now);
  t.is(fake.kernel.files.size, 0, 'not while the machine starts');
  now = publisher.deadline;
  publisher.poll(now);
  t.true(fake.kernel.files.has('net/dev'));
  t.is(publisher.deadline, Number.POSITIVE_INFINITY);
  fake.kernel.files.clear();
  publisher.touch();
  publisher.poll(now);
  t.is(fake.kernel.files.size, 0);
  t.is(publisher.deadline, 12_000_000);
  now = publisher.deadline;
  publisher.poll(now);
  t.true(fake.kernel.files.has('net/tcp6'));
});

test('files are not stale for long because publishing waited for the CPU', (t) => {
  const { fake, stack } = world();
  let now = 10_000_000;
  const publisher = new Publisher(stack, fake.service, fake.kernel, () => {
    now += 400_000;
    return now;
  });
  publisher.publish();
  publisher.touch();
  t.is(publisher.deadline - now, 5_000_000);
});

test('an app reads the counters', (t) => {
  const { fake, stack } = world();
  stack.counters.set('sockets', fake.service.counters);
  const publisher = new Publisher(stack, fake.service, fake.kernel, () => 0);
  publisher.publish();
  const text = fake.kernel.files.get('net/runtime')!;
  const network = createNetwork(
    () => {},
    (path) => {
      t.is(path, '/proc/net/runtime');
      return text;
    },
  );
  t.deepEqual(network.statistics(), snapshot(stack));
  t.is(network.statistics().sockets?.acceptFailed, 0);
});

test('devices and routes as Linux shows them', (t) => {
  const { stack } = world();
  const eth0 = stack.addDevice(new SilentDevice());
  eth0.addAddress(IpAddress.v4(0x0a00020f), 24);
  stack.routes.add({
    destination: IpAddress.v4(0),
    prefixLength: 0,
    gateway: IpAddress.v4(0x0a000202),
    interface: eth0,
    metric: 100,
  });
  const devices = renderDevices(stack.interfaces).split('\n');
  t.regex(devices[3]!, /^ {2}eth0: 0 0 0 3 0 0 0 0 \d+ \d+ 0 0 0 0 0 0$/);
  const routes = renderRoutes(stack.routes.entries)
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t').slice(0, 8).join(' '));
  t.true(routes.includes('eth0 0002000A 00000000 0001 0 0 0 00FFFFFF'));
  t.true(routes.includes('eth0 00000000 0202000A 0003 0 0 100 00000000'));
});

test('sockets as Linux shows them', (t) => {
  const fake = new FakeWorld();
  const server = fake.kernel.stream();
  server.bind(anyPort(8080));
  fake.turn();
  server.listen(5);
  const client = fake.kernel.stream();
  client.connect({ address: IpAddress.v4(0x0a000009), port: 80 });
  fake.turn();
  fake.tcp.connections[0]?.user?.events.established();
  client.write(new Uint8Array(5));
  fake.turn();
  const [tcp, tcp6] = socketFiles;
  const lines = renderSockets(fake.service.sockets(), tcp!).trimEnd().split('\n').slice(1);
  t.is(tcp?.kind, socketStream);
  t.is(lines.length, 2);
  t.regex(lines[0]!, /^ {3}0: 00000000:1F90 00000000:0000 0A 00000000:00000000 /);
  t.regex(lines[1]!, /^ {3}1: 0100007F:C350 0900000A:0050 01 00000005:00000000 /);
  t.is(renderSockets(fake.service.sockets(), tcp6!).trimEnd().split('\n').length, 1);
});
