// A guest on QEMU's user network: what `npm start` has. QEMU computes no checksums for the guest here, so
// every packet in the capture has to be right by itself.
import test from 'ava';
import { guestBase, ports } from './network/ports.ts';
import { freePorts } from './support/free-port.ts';
import { Guest, HostPeer, TaskHost } from './support/network.ts';
import {
  type Ends,
  registerLastTests,
  registerProtocolTests,
  registerStreamTests,
} from './support/network-checks.ts';

/** Ports of this host; another run of the tests has others. */
const base = await freePorts(40);
const peerBase = base + 20;

let ends: Ends;
let peer: HostPeer | undefined;

test.before(async () => {
  const forward = Object.values(ports).map((port) => ({
    protocol: port === ports.datagram ? ('udp' as const) : ('tcp' as const),
    address: '127.0.0.1',
    host: base + port,
    guest: guestBase + port,
  }));
  peer = await HostPeer.start(peerBase, []);
  const machine = await Guest.start({
    name: 'network-user',
    network: { forward },
    linux: { address: '10.0.2.15', gateway: '10.0.2.2', nameserver: '10.0.2.3' },
    environment: { NODE_OPTIONS: `--inspect=0.0.0.0:${guestBase + ports.inspector}` },
    finishedFrames: true,
  });
  ends = {
    machine,
    guest: new TaskHost('127.0.0.1', base, []),
    peer: peer.tasks,
    peerFromGuest: new TaskHost('10.0.2.2', peerBase, []),
  };
});

test.after.always(async () => {
  ends?.machine.machine.kill();
  await peer?.stop();
});

test.serial('the guest has the addresses that QEMU gives', async (t) => {
  const { eth0 = [], lo = [] } = await ends.guest.run('interfaces');
  t.true(lo.some(({ address }) => address === '127.0.0.1'));
  t.like(
    eth0.find(({ family }) => family === 'IPv4'),
    { address: '10.0.2.15', netmask: '255.255.255.0', mac: '52:54:00:12:34:56', internal: false },
  );
  const addresses6 = eth0.filter(({ family }) => family === 'IPv6').map(({ address }) => address);
  t.true(
    addresses6.some((address) => address.startsWith('fe80::')),
    'link-local',
  );
  t.true(
    addresses6.some((address) => address.startsWith('fec0:')),
    'by router advertisement',
  );
});

test.serial('the guest reaches the host over IPv6', async (t) => {
  // QEMU's user network has the host at fec0::2, and forwards no port over IPv6.
  const url = new TaskHost('fec0::2', peerBase, []).url('http', 'http', '/six');
  t.is((await ends.guest.run('fetch', { url })).body, 'GET /six over HTTP/1.1: \n');
});

registerProtocolTests(test, () => ends);
registerStreamTests(test, () => ends, 16);
registerLastTests(test, () => ends);
