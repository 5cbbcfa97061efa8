// A guest on a TAP device, in a network namespace with a DHCP server, router advertisements and a name
// server: Linux's own TCP/IP is the other end.
import anyTest from 'ava';
import { guestBase, ports } from './network/ports.ts';
import { Namespace, site, whyNoNamespace } from './support/namespace.ts';
import { Guest, HostPeer, long, TaskHost } from './support/network.ts';
import {
  type Ends,
  registerLastTests,
  registerProtocolTests,
  registerStreamTests,
} from './support/network-checks.ts';
import { testWhenPossible } from './support/skip.ts';

const test = testWhenPossible(anyTest, whyNoNamespace());
const peerBase = 9000;

let ends: Ends;
let namespace: Namespace | undefined;
let peer: HostPeer | undefined;

/** The guest at its IPv6 address, as it says itself. */
async function guestAtIPv6(): Promise<TaskHost> {
  const { eth0 = [] } = await ends.guest.run('interfaces');
  const found = eth0.find(({ address }) => address.startsWith('fd00:9:'));
  if (!found) throw new Error(`The guest has no address from the advertised prefix.`);
  return ends.guest.at(found.address);
}

test.before(async () => {
  namespace = await Namespace.create();
  await namespace.startNameAndAddressServer();
  peer = await HostPeer.start(peerBase, namespace.launcher);
  const machine = await Guest.start({
    name: 'network-tap',
    network: { tap: site.tap, mac: site.mac },
    launcher: namespace.launcher,
    linux: {
      address: site.guest,
      gateway: site.host,
      nameserver: site.host,
      address6: site.guest6,
    },
    environment: { NODE_OPTIONS: `--inspect=0.0.0.0:${guestBase + ports.inspector}` },
  });
  ends = {
    machine,
    guest: new TaskHost(site.guest, guestBase, namespace.launcher),
    peer: peer.tasks,
    peerFromGuest: new TaskHost(site.host, peerBase, namespace.launcher),
  };
});

test.after.always(async () => {
  ends?.machine.machine.kill();
  await peer?.stop();
  await namespace?.remove();
});

test.serial('the guest has the addresses of the DHCP server and of the router', async (t) => {
  const { eth0 = [] } = await ends.guest.run('interfaces');
  t.like(
    eth0.find(({ family }) => family === 'IPv4'),
    { address: site.guest, cidr: `${site.guest}/24`, mac: site.mac, internal: false },
  );
  const addresses6 = eth0.filter(({ family }) => family === 'IPv6');
  t.true(addresses6.some(({ address }) => address.startsWith('fe80::')));
  t.true(addresses6.some(({ cidr }) => /^fd00:9:.*\/64$/.test(cidr ?? '')));
});

test.serial('curl gets a page over IPv6', async (t) => {
  const guest = await guestAtIPv6();
  t.is(await guest.curl(guest.url('http', 'http', '/six')), 'GET /six over HTTP/1.1: \n');
  t.is(
    await guest.curl('--insecure', '--http2', guest.url('https', 'http2', '/six')),
    'GET /six over HTTP/2.0: \n',
  );
});

test.serial('datagrams and streams over IPv6, both ways', async (t) => {
  const guest = await guestAtIPv6();
  const peerFromGuest = ends.peerFromGuest.at(site.host6);
  const sizes = [0, 1, 512, 1472, 1473, 4000, 20_000, 60_000];
  t.deepEqual(await ends.peer.run('datagrams', guest.endpoint('datagram')), sizes);
  t.deepEqual(await ends.guest.run('datagrams', peerFromGuest.endpoint('datagram')), sizes);
  const stream = { length: 4 << 20, seed: 6 };
  const sent = await ends.guest.run('send', { ...peerFromGuest.endpoint('sink'), ...stream });
  const received = await ends.peer.run('receive', { ...guest.endpoint('source'), ...stream });
  t.is(sent.sha256, received.sha256);
});

test.serial('the guest answers to ping', async (t) => {
  const guest = await guestAtIPv6();
  for (const address of [site.guest, guest.host]) {
    const output = await namespace!.run('ping', ['-c', '3', '-i', '0.2', '-s', '3000', address]);
    t.regex(output, / 3 received/);
  }
});

test.serial('names are resolved with the server that DHCP named', async (t) => {
  const { servers, ...answers } = await ends.guest.run('dns', { domain: site.domain });
  t.true(servers.includes(site.host));
  t.deepEqual<unknown, unknown>(answers, {
    lookup4: { address: site.host, family: 4 },
    lookup6: { address: site.host6, family: 6 },
    all: 2,
    a: [site.host],
    aaaa: [site.host6],
    mx: [{ exchange: `host.${site.domain}`, priority: 10, type: 'MX' }],
    txt: [['written in a test']],
    srv: [{ name: `guest.${site.domain}`, port: 8080, priority: 1, weight: 2, type: 'SRV' }],
    cname: [`host.${site.domain}`],
    reverse: [`host.${site.domain}`],
    missingLookup: 'ENOTFOUND',
    missingResolve: 'ENOTFOUND',
    localhost: '127.0.0.1',
  });
});

registerProtocolTests(test, () => ends);
registerStreamTests(test, () => ends, 64);

const [idleConnections, churns] = long ? [10_000, 100_000] : [500, 2_000];

test.serial(`${idleConnections} idle connections are held, and then used`, async (t) => {
  const { guest, peer } = ends;
  const task = { ...guest.endpoint('echo'), count: idleConnections, idle: long ? 30_000 : 2_000 };
  t.is(await peer.run('hold', task), idleConnections);
});

test.serial(`${churns} connects and closes, and the memory is back where it was`, async (t) => {
  const { guest, peer, peerFromGuest } = ends;
  const churn = (count: number) => peer.run('churn', { ...guest.endpoint('echo'), count });
  t.is(await churn(churns / 4), churns / 4); // Warms up: caches and rings of all sizes exist then.
  const before = await guest.run('memory');
  t.is(await churn(churns), churns);
  const connect = { ...peerFromGuest.endpoint('echo'), count: churns / 4 };
  t.is(await guest.run('churn', connect), churns / 4);
  const after = await guest.run('memory');
  const grown = Math.round((before.free - after.free) / 2 ** 20);
  t.log(`free memory: ${Math.round(before.free / 2 ** 20)} MiB, ${grown} MiB less afterwards`);
  // A connection that stayed would cost more than 4 KiB.
  t.true(grown < 24 + (churns * 2) / 1024, `${grown} MiB are gone`);
});

registerLastTests(test, () => ends);
