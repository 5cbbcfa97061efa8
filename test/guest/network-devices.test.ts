// Other cards, no card, and a network that gives no address.
import anyTest from 'ava';
import { patternDigest } from './network/pattern.ts';
import { guestBase, ports } from './network/ports.ts';
import { freePorts } from './support/free-port.ts';
import { Namespace, site, whyNoNamespace } from './support/namespace.ts';
import { Guest, HostPeer, onLinux, TaskHost } from './support/network.ts';
import { testWhenPossible } from './support/skip.ts';

/** Ports of this host; another run of the tests has others. */
const base = await freePorts(40);
const peerBase = base + 20;
const mebibyte = 2 ** 20;

/** The Linux peer is brought with drivers for virtio only. */
const test = anyTest;
const ourTest = testWhenPossible(
  anyTest,
  onLinux ? 'the Linux peer brings no other driver and no DHCP client' : undefined,
);
const namespaceTest = testWhenPossible(ourTest, onLinux ? undefined : whyNoNamespace());

ourTest.serial(
  'an Intel card: pages, streams, datagrams, and a capture without faults',
  async (t) => {
    const peer = await HostPeer.start(peerBase, []);
    t.teardown(() => peer.stop());
    const names = ['http', 'sink', 'source', 'datagram'] as const;
    const machine = await Guest.start({
      name: 'network-e1000',
      network: {
        device: 'e1000',
        forward: names.map((name) => ({
          protocol: name === 'datagram' ? 'udp' : 'tcp',
          address: '127.0.0.1',
          host: base + ports[name],
          guest: guestBase + ports[name],
        })),
      },
      finishedFrames: true,
    });
    t.teardown(() => machine.machine.kill());
    const guest = new TaskHost('127.0.0.1', base, []);
    const host = new TaskHost('10.0.2.2', peerBase, []);

    t.is(await guest.curl(guest.url('http', 'http', '/e')), 'GET /e over HTTP/1.1: \n');
    const stream = { length: 8 * mebibyte, seed: 5 };
    const expected = patternDigest(stream.length, stream.seed);
    t.like(await peer.tasks.run('send', { ...guest.endpoint('sink'), ...stream }), expected);
    t.like(await guest.run('send', { ...host.endpoint('sink'), ...stream }), expected);
    t.like(await guest.run('receive', { ...host.endpoint('source'), ...stream }), expected);
    t.true((await guest.run('datagrams', host.endpoint('datagram'))).includes(60_000));
    await machine.expectGoodEnd(t, guest);
    await machine.expectCleanCapture(t);
  },
);

test.serial('no card: the app listens, on the loopback addresses', async (t) => {
  const machine = await Guest.start({
    name: 'network-none',
    entry: 'network/alone.ts',
    ready: /alone: done/,
  });
  const result = await machine.machine.end;
  t.log(result.output.slice(-2000));
  t.is(result.code, 0);
  t.regex(result.output, /by 127\.0\.0\.1.*by ::1.*by localhost/);
  t.regex(result.output, /outside: (ENETUNREACH|EHOSTUNREACH)/);
  t.regex(result.output, /name: (ENOTFOUND|EAI_AGAIN)/);
  if (!onLinux) t.regex(result.output, /\[runtime\].*no network (device|card|interface)/i);
});

namespaceTest.serial(
  'no DHCP server: the app starts, and the log says what is missing',
  async (t) => {
    const namespace = await Namespace.create();
    t.teardown(() => namespace.remove());
    const machine = await Guest.start({
      name: 'network-no-dhcp',
      network: { tap: site.tap, mac: site.mac },
      launcher: namespace.launcher,
    });
    t.teardown(() => machine.machine.kill());
    await machine.waitForOutput(/\[runtime\].*(no answer|no DHCP|DHCP.*(no|gave up|retr))/i);
    // Its link-local address needs no server.
    const neighbours = async () => {
      await namespace.run('ping', ['-c', '2', '-i', '0.3', `ff02::1%${site.tap}`]).catch(() => '');
      return namespace.run('ip', ['-6', 'neighbour', 'show', 'dev', site.tap]);
    };
    let address: string | undefined;
    for (let tries = 0; tries < 60 && address === undefined; tries += 1)
      address = /^(fe80::\S+) lladdr 52:54:00:09:00:02/m.exec(await neighbours())?.[1];
    t.truthy(address, `no link-local address answers\n${await neighbours()}`);
    const guest = new TaskHost(`${address}%25${site.tap}`, guestBase, namespace.launcher);
    t.is(await guest.curl(guest.url('http', 'http', '/l')), 'GET /l over HTTP/1.1: \n');
    // A server that comes later is found.
    await namespace.startNameAndAddressServer();
    const later = new TaskHost(site.guest, guestBase, namespace.launcher);
    const retries = [
      '--retry',
      '20',
      '--retry-connrefused',
      '--retry-all-errors',
      '--retry-delay',
      '3',
    ];
    const page = await later.curl(...retries, later.url('http', 'http', '/v4'));
    t.is(page, 'GET /v4 over HTTP/1.1: \n');
    await machine.expectGoodEnd(t, later);
    await machine.expectCleanCapture(t);
  },
);
