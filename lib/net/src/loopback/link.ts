/** The link of loopback: IP packets without a header. */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import type { Interface, Link } from '../interface/interface.ts';
import { chainLength } from '../ip/chain.ts';
import type { InternetLayer } from '../ip/layer.ts';
import type { Packet } from '../packet.ts';

const none = new Uint8Array(6);

/** Loopback's way in and out. */
export class LoopbackLink implements Link {
  readonly #environment: Environment;
  readonly #interface: Interface;
  readonly #layer: InternetLayer;

  constructor(environment: Environment, on: Interface, layer: InternetLayer) {
    this.#environment = environment;
    this.#interface = on;
    this.#layer = layer;
  }

  receive(packet: Packet): void {
    const on = this.#interface;
    const { counters } = on;
    counters.receivedPackets = (counters.receivedPackets as number) + 1;
    counters.receivedBytes = (counters.receivedBytes as number) + chainLength(packet);
    const version = (this.#environment.memory.bytes[packet.start] as number) >>> 4;
    if (version === 4) this.#layer.input4.receive(packet, on, false, true);
    else this.#layer.input6.receive(packet, on, false, true);
  }

  transmit(packet: Packet, _hardwareAddress: Uint8Array): void {
    const { counters, device } = this.#interface;
    counters.sentPackets = (counters.sentPackets as number) + 1;
    counters.sentBytes = (counters.sentBytes as number) + (packet.end - packet.start);
    device.transmit(packet);
  }

  multicastHardware(_group: IpAddress): Uint8Array {
    return none;
  }
}
