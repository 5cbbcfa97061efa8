// Machines and cards of many kinds: each boots, gets an address, and streams both ways. Without
// RUNTIMEJS_TEST_LONG=1 only some are tried.
import anyTest from 'ava';
import { patternDigest } from './network/pattern.ts';
import { guestBase, ports } from './network/ports.ts';
import { freePorts } from './support/free-port.ts';
import { Guest, HostPeer, long, onLinux, TaskHost } from './support/network.ts';
import { testWhenPossible } from './support/skip.ts';

const test = testWhenPossible(
  anyTest,
  onLinux ? 'the Linux peer brings drivers for one machine only' : undefined,
);

/** Ports of this host; another run of the tests has others. */
const base = await freePorts(20);
const names = ['http', 'sink', 'source'] as const;
const forwards = names
  .map((name) => `,hostfwd=tcp:127.0.0.1:${base + ports[name]}-:${guestBase + ports[name]}`)
  .join('');
const user = ['-netdev', `user,id=net0,ipv4=on,ipv6=on${forwards}`];

/** A card on QEMU's PCI bus. */
const card = (properties: string): string[] => [
  ...user,
  ...['-device', `virtio-net-pci,netdev=net0,romfile=${properties}`],
];

interface Kind {
  readonly title: string;
  readonly extraArguments: readonly string[];
  /** Tried in every run. */
  readonly always?: boolean;
}

const kinds: readonly Kind[] = [
  ...[
    'csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off',
    'guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off',
    'host_tso4=off',
    'mrg_rxbuf=off',
    'event_idx=off',
    'indirect_desc=off',
    'packed=on',
    'ctrl_vq=off,ctrl_rx=off,ctrl_vlan=off',
    'status=off',
    'mq=on,vectors=6',
    'vectors=0',
    'host_mtu=1280',
    'disable-legacy=on',
    'rx_queue_size=1024,tx_queue_size=256',
    'iommu_platform=on,disable-legacy=on',
  ].map((properties) => ({
    title: `virtio-net with ${properties}`,
    extraArguments: card(`,${properties}`),
  })),
  {
    title: 'virtio-net with nothing but what it must have',
    extraArguments: card(
      ',csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,guest_csum=off,' +
        'guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,mrg_rxbuf=off,event_idx=off,' +
        'indirect_desc=off,ctrl_vq=off,ctrl_rx=off,ctrl_vlan=off,status=off,vectors=0',
    ),
    always: true,
  },
  {
    title: 'q35, behind a PCI Express port',
    extraArguments: [
      ...['-machine', 'q35', '-device', 'pcie-root-port,id=express,chassis=1', ...user],
      ...['-device', 'virtio-net-pci,netdev=net0,romfile=,bus=express,disable-legacy=on'],
    ],
    always: true,
  },
  {
    title: 'microvm, virtio over MMIO',
    extraArguments: [
      ...['-machine', 'microvm,acpi=on', '-global', 'virtio-mmio.force-legacy=false', ...user],
      ...['-device', 'virtio-net-device,netdev=net0'],
    ],
  },
  {
    title: 'two cards, one of virtio and one of Intel',
    extraArguments: [
      ...card(''),
      ...['-netdev', 'user,id=net1,net=10.0.3.0/24'],
      ...['-device', 'e1000,netdev=net1,romfile='],
    ],
  },
  {
    title: 'two cards, the one that is plugged in second',
    extraArguments: [
      ...['-netdev', 'user,id=net1,net=10.0.3.0/24,restrict=on'],
      ...['-device', 'e1000,netdev=net1,romfile=', ...card('')],
    ],
  },
];

for (const { title, extraArguments, always } of kinds) {
  if (!always && !long) continue;
  test.serial(title, async (t) => {
    const peer = await HostPeer.start(base + 20, []);
    t.teardown(() => peer.stop());
    const machine = await Guest.start({ name: 'network-machines', extraArguments });
    t.teardown(() => machine.machine.kill());
    const guest = new TaskHost('127.0.0.1', base, []);
    const page = await guest.curl(
      ...['--retry', '10', '--retry-all-errors', '--retry-delay', '1'],
      guest.url('http', 'http', '/m'),
    );
    t.is(page, 'GET /m over HTTP/1.1: \n');
    const stream = { length: 4 << 20, seed: 3 };
    const digest = patternDigest(stream.length, stream.seed);
    t.like(await peer.tasks.run('send', { ...guest.endpoint('sink'), ...stream }), digest);
    t.like(await peer.tasks.run('receive', { ...guest.endpoint('source'), ...stream }), digest);
    await machine.expectGoodEnd(t, guest);
  });
}

test.serial('a card of the old virtio is refused, and the log says what to do', async (t) => {
  const machine = await Guest.start({
    name: 'network-machines',
    extraArguments: card(',disable-modern=on,disable-legacy=off'),
  });
  t.teardown(() => machine.machine.kill());
  await machine.waitForOutput(/it is a legacy device \(virtio 0\.9\).*disable-modern=off/);
  t.pass();
});
