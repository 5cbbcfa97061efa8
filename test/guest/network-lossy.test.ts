// Linux's TCP is the other end of a wire that loses, repeats, delays and swaps frames. The seeds are
// printed; RUNTIMEJS_TEST_SEED=N repeats a run's decisions.
import anyTest from 'ava';
import { inRepository, nodeBinary } from '../../lib/cli/src/paths.ts';
import { patternDigest } from './network/pattern.ts';
import { guestBase } from './network/ports.ts';
import { Namespace, site, whyNoNamespace } from './support/namespace.ts';
import { Guest, HostPeer, long, TaskHost } from './support/network.ts';
import { bridgeArguments, type RelayCounts, relayPorts, type WireFaults } from './support/relay.ts';
import { testWhenPossible } from './support/skip.ts';

const test = testWhenPossible(anyTest, whyNoNamespace());

const seed = Number(process.env.RUNTIMEJS_TEST_SEED ?? Math.floor(Math.random() * 1e6));
const peerBase = 9000;

/** Percent of the frames that are lost, and as many repeated and swapped; milliseconds one way. */
interface Wire {
  readonly percent: number;
  readonly latency: number;
}

const near = (percent: number): Wire => ({ percent, latency: 0 });
const wires = [...(long ? [0, 1, 3, 10] : [0, 2, 10]).map(near), { percent: 1, latency: 20 }];

/** Size of a stream, in bytes: recovery from many losses takes round trips, not bandwidth. */
function streamLength({ percent, latency }: Wire): number {
  const megabytes = long && latency === 0 ? 256 : percent >= 10 || latency > 0 ? 2 : 8;
  return megabytes * 2 ** 20;
}

function faults({ percent, latency }: Wire): WireFaults {
  const rate = percent / 100;
  return { loss: rate, duplication: rate, reordering: rate, delay: 20, latency };
}

for (const wire of wires) {
  const { percent, latency } = wire;
  test.serial(
    `streams both ways, ${percent} % of the frames lost, repeated and swapped, ${latency} ms away`,
    async (t) => {
      t.log(`seed ${seed}`);
      const namespace = await Namespace.create();
      t.teardown(() => namespace.remove());
      await namespace.startNameAndAddressServer();
      const relayProgram = inRepository('test/guest/support/relay.ts');
      const relay = namespace.start([
        ...[nodeBinary, relayProgram, JSON.stringify(faults(wire)), String(seed)],
      ]);
      await relay.printed(/relay at/);
      namespace.start(['qemu-system-x86_64', ...bridgeArguments(site.tap)]);
      const peer = await HostPeer.start(peerBase, namespace.launcher);
      t.teardown(() => peer.stop());
      const machine = await Guest.start({
        name: `network-lossy-${percent}-${latency}`,
        network: {
          mac: site.mac,
          datagram: { local: relayPorts.ends[0], remote: relayPorts.relay[0] },
        },
        launcher: namespace.launcher,
        linux: { address: site.guest, gateway: site.host, nameserver: site.host },
        finishedFrames: true,
        lossy: percent > 0,
        capture: !long,
      });
      t.teardown(() => machine.machine.kill());
      const guest = new TaskHost(site.guest, guestBase, namespace.launcher);
      const host = new TaskHost(site.host, peerBase, namespace.launcher);
      const retries = ['--retry', '20', '--retry-all-errors', '--retry-delay', '2'];
      await guest.curl(...retries, guest.url('http', 'http', '/ready'));

      const stream = { length: streamLength(wire), seed };
      const expected = patternDigest(stream.length, seed);
      const sent = await guest.run('send', { ...host.endpoint('sink'), ...stream });
      const received = await guest.run('receive', { ...host.endpoint('source'), ...stream });
      t.log(`from the guest ${sent.rate} MB/s, to the guest ${received.rate} MB/s`);
      t.like(sent, expected);
      t.like(received, expected);
      await machine.expectGoodEnd(t, guest);
      const counts = JSON.parse(/\{.*\}/.exec(await relay.stop())?.[0] ?? '{}') as RelayCounts;
      t.log(JSON.stringify(counts));
      if (percent > 0) t.true(counts.lost > 0 && counts.duplicated > 0 && counts.reordered > 0);
      if (!long) await machine.expectCleanCapture(t);
    },
  );
}
