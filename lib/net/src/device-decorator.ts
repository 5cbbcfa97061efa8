/** What stands in front of a network device: a recording, a fault, a tracer. */
import type { DeviceReceiver, NetworkDevice, Offloads } from './device.ts';
import type { Counters } from './environment.ts';
import type { Packet } from './packet.ts';

/** Does what the device does. Who extends it looks at, or changes, what passes by. */
export class DeviceDecorator implements NetworkDevice {
  protected readonly device: NetworkDevice;

  constructor(device: NetworkDevice) {
    this.device = device;
  }

  get name(): string {
    return this.device.name;
  }
  get kind(): NetworkDevice['kind'] {
    return this.device.kind;
  }
  get hardwareAddress(): Uint8Array {
    return this.device.hardwareAddress;
  }
  get mtu(): number {
    return this.device.mtu;
  }
  get offloads(): Offloads {
    return this.device.offloads;
  }
  get linkUp(): boolean {
    return this.device.linkUp;
  }
  get counters(): Counters {
    return this.device.counters;
  }

  attach(receiver: DeviceReceiver): void {
    this.device.attach({
      receive: (packet) => {
        this.received(packet);
        receiver.receive(packet);
      },
      linkChanged: (up) => receiver.linkChanged(up),
    });
  }

  allocate(size: number): Packet | null {
    return this.device.allocate(size);
  }
  transmit(packet: Packet): void {
    this.device.transmit(packet);
  }
  flush(): void {
    this.device.flush();
  }
  poll(budget: number): boolean {
    return this.device.poll(budget);
  }
  armInterrupt(on: boolean): boolean {
    return this.device.armInterrupt(on);
  }
  setMulticast(address: Uint8Array, join: boolean): void {
    this.device.setMulticast(address, join);
  }

  /** A packet was received and is about to be handed up. Does not take it. */
  protected received(_packet: Packet): void {}
}
