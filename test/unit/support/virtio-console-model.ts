/** A virtio console for tests (virtio 1.2, section 5.3), with the wire of each port in a test's hands. */
import type { FakePlatform } from './fake-platform.ts';
import { type Chain, type DeviceQueue, VirtioModel } from './virtio-device.ts';
import { VirtioPciModel } from './virtio-transports.ts';

const version1 = 32;
const eventIndex = 29;
const multiport = 1;
const sizeFeature = 0;
const controlReceive = 2;
const controlTransmit = 3;
export const event = {
  ready: 0,
  add: 1,
  remove: 2,
  portReady: 3,
  consolePort: 4,
  resize: 5,
  open: 6,
  name: 7,
} as const;

/** What a port is. */
export interface PortKind {
  readonly isConsole: boolean;
  readonly isOpen?: boolean;
}

/** The device. */
export class VirtioConsoleModel extends VirtioModel {
  /** By port; undefined: no such port. */
  readonly kinds: (PortKind | undefined)[];
  /** What the driver has sent, by port. */
  readonly output = new Map<number, number[]>();
  /** What the driver said last of each port: that it is open, or not. */
  readonly opened = new Map<number, boolean>();
  /** Control messages of the driver: port, event, value. */
  readonly heard: (readonly [number, number, number])[] = [];
  /** Nobody reads at the other side. */
  isStalled = false;
  /** The device says nothing of its ports. */
  isSilent = false;
  readonly #input = new Map<number, number[]>();

  constructor(
    platform: FakePlatform,
    kinds: readonly (PortKind | undefined)[] | 'single',
    options: { readonly hasEventIndex?: boolean; readonly queueSize?: number } = {},
  ) {
    const { hasEventIndex = true, queueSize = 64 } = options;
    const isSingle = kinds === 'single';
    const count = isSingle ? 2 : 2 + 2 * kinds.length;
    const configuration = new Uint8Array(12);
    new DataView(configuration.buffer).setUint32(4, isSingle ? 1 : kinds.length, true);
    super(platform, {
      type: 3,
      features: [
        version1,
        ...(hasEventIndex ? [eventIndex] : []),
        isSingle ? sizeFeature : multiport,
      ],
      queues: Array.from({ length: count }, () => queueSize),
      configuration,
    });
    this.kinds = isSingle ? [] : [...kinds];
    this.onNotify = (queue) => this.#look(queue);
    new VirtioPciModel(platform, this);
  }

  queueOf(port: number, direction: 'receive' | 'transmit'): DeviceQueue {
    const first = port === 0 ? 0 : 2 * port + 2;
    return this.queues[direction === 'receive' ? first : first + 1] as DeviceQueue;
  }

  /** The other side sends. */
  send(port: number, bytes: Iterable<number>): void {
    const waiting = this.#input.get(port) ?? [];
    for (const byte of bytes) waiting.push(byte);
    this.#input.set(port, waiting);
    this.#feed(port);
  }

  /** Bytes that the driver has offered no buffers for. */
  waiting(port: number): number {
    return this.#input.get(port)?.length ?? 0;
  }

  /** Everything that a port has sent, as text. */
  text(port: number): string {
    return Buffer.from(this.output.get(port) ?? []).toString('latin1');
  }

  /** Takes what the driver sends on a port, at most so many buffers. @returns how many there were */
  take(port: number, most = Number.POSITIVE_INFINITY): number {
    const queue = this.queueOf(port, 'transmit');
    let count = 0;
    for (let chain = this.#next(queue, most > 0); chain !== null; ) {
      const bytes = this.output.get(port) ?? [];
      bytes.push(...this.#read(chain));
      this.output.set(port, bytes);
      queue.push(chain.id, 0);
      count += 1;
      chain = this.#next(queue, count < most);
    }
    queue.wantNotifications(true);
    if (count > 0) queue.publish();
    return count;
  }

  /** Sends a control message. @returns false when the driver has offered no buffer */
  control(port: number, kind: number, value: number, more: readonly number[] = []): boolean {
    const bytes = new Uint8Array(8 + more.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, port, true);
    view.setUint16(4, kind, true);
    view.setUint16(6, value, true);
    bytes.set(more, 8);
    return this.controlBytes(bytes);
  }

  /** Sends bytes that are a control message, or are none. */
  controlBytes(bytes: Uint8Array): boolean {
    const queue = this.queues[controlReceive] as DeviceQueue;
    const chain = queue.pop();
    if (chain === null) return false;
    this.#write(chain, bytes);
    queue.push(chain.id, bytes.length);
    queue.publish();
    return true;
  }

  #next(queue: DeviceQueue, isWanted: boolean): Chain | null {
    return isWanted ? queue.pop() : null;
  }

  #look(queue: DeviceQueue): void {
    if (queue.index === controlTransmit && this.kinds.length > 0) this.#listen(queue);
    else if (queue.index === controlReceive && this.kinds.length > 0) return;
    else if (queue.index % 2 === 0) this.#feed(this.#portOf(queue));
    else if (!this.isStalled) this.take(this.#portOf(queue));
  }

  #portOf(queue: DeviceQueue): number {
    return queue.index < 2 ? 0 : (queue.index - 2) >> 1;
  }

  #listen(queue: DeviceQueue): void {
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const bytes = Uint8Array.from(this.#read(chain));
      const view = new DataView(bytes.buffer);
      queue.push(chain.id, 0);
      this.#obey(view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true));
    }
    queue.wantNotifications(true);
    queue.publish();
  }

  #obey(port: number, kind: number, value: number): void {
    this.heard.push([port, kind, value]);
    if (this.isSilent) return;
    if (kind === event.ready) {
      for (const [number, known] of this.kinds.entries()) {
        if (known !== undefined) this.control(number, event.add, 1);
      }
    } else if (kind === event.portReady) {
      const known = this.kinds[port];
      if (known?.isConsole === true) this.control(port, event.consolePort, 1);
      this.control(port, event.name, 1, [0x6e, 0x61, 0x6d, 0x65]);
      if (known?.isOpen !== false) this.control(port, event.open, 1);
    } else if (kind === event.open) {
      this.opened.set(port, value === 1);
    }
  }

  #feed(port: number): void {
    const queue = this.queueOf(port, 'receive');
    const waiting = this.#input.get(port) ?? [];
    while (waiting.length > 0) {
      const chain = queue.pop();
      if (chain === null) break;
      const room = chain.parts.reduce((sum, { length }) => sum + length, 0);
      const bytes = Uint8Array.from(waiting.splice(0, room));
      this.#write(chain, bytes);
      queue.push(chain.id, bytes.length);
    }
    queue.wantNotifications(true);
    queue.publish();
  }

  #read(chain: Chain): number[] {
    const { bytes } = this.platform.memory;
    return chain.parts.flatMap(({ offset, length }) => [
      ...bytes.subarray(offset, offset + length),
    ]);
  }

  #write(chain: Chain, bytes: Uint8Array): void {
    const [part] = chain.parts;
    if (part === undefined || bytes.length > part.length) throw new Error('it does not fit');
    this.platform.memory.bytes.set(bytes, part.offset);
  }
}
