/** What stands above a network card in tests. */
import type { DeviceReceiver } from '@runtimejs/net/device.ts';
import type { Packet } from '@runtimejs/net/packet.ts';

/** Keeps what a device hands up. */
export class Upper implements DeviceReceiver {
  readonly packets: Packet[] = [];
  readonly links: boolean[] = [];

  receive(packet: Packet): void {
    this.packets.push(packet);
  }

  linkChanged(up: boolean): void {
    this.links.push(up);
  }
}
