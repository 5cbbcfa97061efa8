/** A host that configures itself, among servers and routers that lie: DHCP, router advertisements, MLD, IGMP. */
import { Agenda } from '../../sim/support/clock.ts';
import { get16, ipFrame, udpBytes } from '../../sim/support/frames.ts';
import { Link, perfectLink } from '../../sim/support/link.ts';
import { seededRandom } from '../../sim/support/random.ts';
import { SocketHost } from '../../sim/support/socket-host.ts';
import { second } from '../../sim/support/world.ts';
import { fixChecksums } from '../support/checksums.ts';
import { dhcpPayload, mldQuery, ownFrames, serverWay } from '../support/messages.ts';
import { mutate } from '../support/mutate.ts';
import type { FuzzTarget } from '../support/target.ts';

const others = [...ownFrames(), mldQuery()];

/** The transaction of a client's DHCP message; undefined for other frames. */
function transactionOf(frame: Uint8Array): Uint8Array | undefined {
  const isDhcp = get16(frame, 12) === 0x0800 && frame[23] === 17 && get16(frame, 36) === 67;
  return isDhcp ? frame.slice(46, 50) : undefined;
}

export const configurationTarget: FuzzTarget = {
  name: 'configuration',
  shortRun: 30,
  run(seed) {
    const random = seededRandom(seed);
    const agenda = new Agenda();
    const link = new Link(agenda, random, { ...perfectLink });
    const abilities = { mtu: 1500, checksums: false, segmentation: false, receiveBuffer: 2048 };
    const host = new SocketHost(agenda, random, link, 0, abilities, {});
    const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1);
    let transaction: Uint8Array = new Uint8Array(4);
    let state = 2;
    link.connect(1, {
      deliver: (frame) => {
        transaction = transactionOf(frame) ?? transaction;
        // DISCOVER is answered by OFFER, REQUEST by ACK: option 53 comes first.
        if (transactionOf(frame) !== undefined) state = frame[14 + 20 + 8 + 242] === 1 ? 2 : 5;
      },
    });
    const pass = (microseconds: number): void => {
      const end = agenda.now + microseconds;
      for (let events = 0; agenda.next <= end; events += 1) {
        if (events > 100_000) throw new Error('endless activity');
        agenda.step();
      }
      agenda.now = Math.max(agenda.now, end);
    };
    for (let step = 0; step < 120; step += 1) {
      let frame: Uint8Array;
      if (random.chance(0.6)) {
        const valid = dhcpPayload(
          random.chance(0.8) ? state : random.integer(1, 8),
          transaction,
          hardware,
        );
        const payload = random.chance(0.4) ? valid : mutate(valid, random);
        frame = ipFrame(serverWay, 17, udpBytes(serverWay, 67, 68, payload));
      } else {
        frame = mutate(random.pick(others), random);
        if (random.chance(0.9)) fixChecksums(frame);
      }
      link.inject(0, frame);
      pass(random.pick([100, 10_000, second, 30 * second, 3_000 * second]));
      const addresses = host.service.stack.interfaces[1]?.addresses.length ?? 0;
      if (addresses > 40) throw new Error(`${addresses} addresses`);
      if (host.service.stack.routes.entries.length > 300) throw new Error('too many routes');
      if (host.service.resolver.text.length > 2_000) throw new Error('resolv.conf is too long');
      checkText(host.service.resolver.text);
    }
    const { packetsInUse } = host.device;
    if (packetsInUse > 600) throw new Error(`${packetsInUse} packets are held`);
    if (host.messages.length > 5_000) throw new Error(`${host.messages.length} lines were logged`);
    host.close();
  },
};

/** What a server or router says cannot add lines of its own to resolv.conf. */
function checkText(text: string): void {
  for (const line of text.split('\n')) {
    if (
      !/^(#.*|nameserver [0-9a-f.:]+(%\w+)?|search( [a-z0-9._-]+)+|options [\w: -]+|)$/i.test(line)
    ) {
      throw new Error(`resolv.conf has the line ${JSON.stringify(line)}`);
    }
  }
}
