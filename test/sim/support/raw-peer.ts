/**
 * A peer without a stack: it takes host 0's place on the wire, answers ARP and neighbour
 * solicitations, and otherwise does with segments what a test says.
 */
import type { IpAddress } from '@runtimejs/net/address.ts';
import {
  arpFrame,
  flag,
  get16,
  neighbourFrame,
  type SeenSegment,
  seeTcp,
  type TcpFields,
  tcpFrame,
  type Way,
} from './frames.ts';
import type { LinkEnd } from './link.ts';
import type { World } from './world.ts';

const here = 1;
const there = 2;

/** The peer; one TCP connection, whose numbers it keeps so that segments can be said relative to them. */
export class RawPeer implements LinkEnd {
  readonly world: World;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Segments that came and were not looked at. */
  readonly arrived: SeenSegment[] = [];
  /** How many segments came in all, and bytes of payload. */
  segments = 0;
  bytes = 0;
  /** Called for each segment as it comes; takes it out of `arrived`. */
  onSegment: ((segment: SeenSegment) => void) | undefined;
  sourcePort = 40_000;
  destinationPort = 80;
  /** Next number that we send, and that we expect. */
  sendNext = 1_000_000;
  receiveNext = 0;
  /** The initial numbers. */
  initialReceive = 0;

  constructor(world: World) {
    this.world = world;
    this.source = world.hosts[0].address;
    this.destination = world.hosts[1].address;
    world.link.connect(0, this);
  }

  get way(): Way {
    return { source: this.source, destination: this.destination, to: there, from: here };
  }

  deliver(frame: Uint8Array): void {
    const type = get16(frame, 12);
    const [host] = this.world.hosts;
    if (type === 0x0806) {
      if (get16(frame, 20) !== 1 || get16(frame, 40) !== (host.address4.word3 & 0xffff)) return;
      const to = { hardware: there, address: this.world.hosts[1].address4 };
      this.inject(arpFrame(there, 2, { hardware: here, address: host.address4 }, to));
    } else if (type === 0x86dd && frame[20] === 58 && frame[54] === 135) {
      if (frame[14 + 40 + 23] !== (host.address6.word3 & 0xff)) return;
      const way = { ...this.way, source: host.address6, destination: this.world.hosts[1].address6 };
      this.inject(neighbourFrame(way, 136, host.address6, here, 0x60000000));
    } else {
      const segment = seeTcp(frame);
      if (segment === undefined) return;
      this.segments += 1;
      this.bytes += segment.payload.length;
      if (this.onSegment !== undefined) this.onSegment(segment);
      else this.arrived.push(segment);
    }
  }

  /** Puts a frame into the victim's device. */
  inject(frame: Uint8Array): void {
    this.world.link.inject(1, frame);
  }

  /** Sends a segment of this connection; numbers are the next ones where nothing else is said. */
  send(flags: number, fields: Partial<TcpFields> = {}): void {
    this.inject(
      tcpFrame(this.way, {
        sourcePort: this.sourcePort,
        destinationPort: this.destinationPort,
        sequence: this.sendNext,
        acknowledgment: (flags & flag.ack) !== 0 ? this.receiveNext : 0,
        flags,
        ...fields,
      }),
    );
  }

  /** Lets the victim work, for so many microseconds. */
  settle(microseconds = 2_000): void {
    this.world.pass(microseconds);
  }

  /** Makes a connection to the victim's listener. @returns whether it answered with SYN and ACK */
  open(options: readonly number[] = [2, 4, 5, 0xb4], window = 0xffff): boolean {
    this.arrived.length = 0;
    const { onSegment } = this;
    this.onSegment = undefined;
    this.send(flag.syn, { options, window });
    // The first one waits for the neighbour.
    this.settle(3_000_000);
    const answer = this.arrived.find((one) => (one.flags & flag.syn) !== 0);
    this.onSegment = onSegment;
    if (answer === undefined) return false;
    this.initialReceive = answer.sequence;
    this.sendNext = (this.sendNext + 1) | 0;
    this.receiveNext = (answer.sequence + 1) | 0;
    this.send(flag.ack, { window });
    this.settle();
    return true;
  }

  /** Takes in-order payload and acknowledges it, as an honest receiver. */
  accept(segment: SeenSegment, window = 0xffff): void {
    if (segment.sequence === this.receiveNext) {
      this.receiveNext = (this.receiveNext + segment.span) | 0;
    }
    if (segment.span > 0) this.send(flag.ack, { window });
  }
}
