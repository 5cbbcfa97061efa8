/** The driver for virtio graphics adapters, 2D (virtio 1.2, section 5.7): one picture on the first scanout. */
import type { DmaMemory, PixelLayout, Platform } from '@runtimejs/platform/platform.ts';
import type { Display, View } from '@runtimejs/tty/screen/display.ts';
import type { Font } from '@runtimejs/tty/screen/font.ts';
import { PixelScreen, type Rectangle } from '@runtimejs/tty/screen/pixels.ts';
import { deviceType, feature } from '@runtimejs/virtio/constants.ts';
import { VirtioDevice } from '@runtimejs/virtio/device.ts';
import type { ExchangeBuffer, ExchangeQueue } from '@runtimejs/virtio/exchange.ts';
import type { FeatureWishes } from '@runtimejs/virtio/features.ts';
import { findVirtioDevices } from '@runtimejs/virtio/find.ts';
import { Virtqueue } from '@runtimejs/virtio/queue.ts';
import type { VirtioTransport } from '@runtimejs/virtio/transport.ts';
import { CommandRunner } from './commands.ts';
import {
  attachBacking,
  createResource,
  dropResource,
  flush,
  getDisplayInfo,
  readDisplayInfo,
  setScanout,
  transfer,
} from './protocol.ts';

const wishes: FeatureWishes = {
  needed: { VIRTIO_F_VERSION_1: feature.version1 },
  usable: {
    VIRTIO_F_EVENT_IDX: feature.eventIndex,
    VIRTIO_F_ACCESS_PLATFORM: feature.accessPlatform,
    VIRTIO_F_ORDER_PLATFORM: feature.orderPlatform,
  },
};

const controlQueue = 0;
const queueSize = 4;
/** Device configuration (5.7.4). */
const configuration = { eventsRead: 0, eventsClear: 4 } as const;
const displayEvent = 1;

interface Size {
  readonly width: number;
  readonly height: number;
}
/** The size until the adapter has told its own, and those that are tried when memory is short. */
const firstSize: Size = { width: 1024, height: 768 };
const smallerSizes: readonly Size[] = [firstSize, { width: 640, height: 400 }];
/** No more: memory for a device is contiguous up to 4 MiB. */
const largestSize: Size = { width: 1280, height: 800 };

/** A picture: the memory it is drawn in, and the resource that the adapter knows it by. */
interface Picture {
  readonly id: number;
  readonly memory: DmaMemory;
  readonly screen: PixelScreen;
  readonly area: Rectangle;
}

/** The display. Made by attach(). */
export class VirtioGpuDisplay implements Display {
  readonly name: string;
  readonly isTextScreen = false;
  readonly replacesTextScreen: boolean;
  readonly counters = { flushes: 0, refused: 0, sizes: 0, failures: 0 };
  readonly #platform: Platform;
  readonly #device: VirtioDevice;
  readonly #font: Font;
  readonly #commands: CommandRunner;
  #picture: Picture;
  #nextId = 1;
  #changed: () => void = () => {};
  /** What is drawn and not shown yet. */
  #damage: Rectangle | undefined;
  #isFlushing = false;
  #isRunning = false;

  /** @param device negotiated. Throws when it cannot be started. */
  constructor(device: VirtioDevice, font: Font, isVga: boolean) {
    this.name = `virtio-gpu at ${device.transport.name}`;
    this.replacesTextScreen = isVga;
    this.#platform = device.platform;
    this.#device = device;
    this.#font = font;
    const size = device.queueSize(controlQueue, queueSize);
    if (size < 2) throw new Error('it has no queue for commands');
    const queue: ExchangeQueue = new Virtqueue<ExchangeBuffer>(device.platform, {
      size,
      longestChain: 2,
    });
    this.#picture = this.#createPicture(smallerSizes);
    this.#commands = new CommandRunner(device.platform, queue, (reason) => this.#fail(reason));
    device.transport.openInterrupts(
      () => {
        if (this.#isRunning) this.#commands.receive();
      },
      () => this.#onConfiguration(),
    );
    const problem = device.enableQueue(controlQueue, queue);
    if (problem !== undefined) throw new Error(problem);
    device.ready();
    this.#isRunning = true;
    queue.enableInterrupts();
    this.#publish(this.#picture);
    this.#askForSize();
  }

  get size() {
    return this.#picture.screen.size;
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  draw(view: View): void {
    if (!this.#isRunning) return;
    this.#damage = union(this.#damage, this.#picture.screen.draw(view));
    this.#flush();
  }

  /** Takes the device out of service: when it returns, the device accesses no memory. */
  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#commands.stop();
    this.#device.stop();
  }

  /** Makes a picture of the first of some sizes that there is memory for. Throws when there is for none. */
  #createPicture(sizes: readonly Size[]): Picture {
    let problem: unknown;
    for (const { width, height } of sizes) {
      const pitch = width * 4;
      try {
        const memory = this.#platform.allocateDma(pitch * height);
        const layout: PixelLayout = {
          width,
          height,
          pitch,
          bitsPerPixel: 32,
          red: { position: 16, size: 8 },
          green: { position: 8, size: 8 },
          blue: { position: 0, size: 8 },
        };
        const screen = new PixelScreen(memory.bytes, layout, this.#font);
        return { id: this.#nextId++, memory, screen, area: { x: 0, y: 0, width, height } };
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }

  #publish({ id, memory, area, screen }: Picture): void {
    const { pitch } = screen.layout;
    const ignore = (_answer: Uint8Array, problem: string | undefined): void => {
      if (problem !== undefined) this.counters.refused += 1;
    };
    this.#commands.run(createResource(id, area.width, area.height), ignore);
    this.#commands.run(attachBacking(id, memory.deviceAddress, pitch * area.height), ignore);
    this.#commands.run(setScanout(id, area), (_answer, problem) => {
      if (problem === undefined) this.counters.sizes += 1;
      else this.#fail(`it does not show a picture of ${area.width} by ${area.height}: ${problem}`);
    });
    this.#damage = area;
  }

  #askForSize(): void {
    this.#commands.run(getDisplayInfo, (answer, problem) => {
      if (problem !== undefined) {
        this.counters.refused += 1;
        return;
      }
      const told = readDisplayInfo(answer);
      if (told !== undefined && this.#isRunning) this.#resize(told);
    });
  }

  #resize(told: Size): void {
    const width = Math.min(told.width, largestSize.width);
    const height = Math.min(told.height, largestSize.height);
    const before = this.#picture;
    if (width === before.area.width && height === before.area.height) return;
    try {
      this.#picture = this.#createPicture([{ width, height }]);
    } catch (error) {
      const reason = (error as Error).message;
      this.#platform.log(
        'warn',
        `${this.name}: keeps its size, not ${width} by ${height}: ${reason}`,
      );
      return;
    }
    this.#publish(this.#picture);
    this.#commands.run(dropResource(before.id), () => this.#platform.freeDma(before.memory));
    this.#changed();
  }

  #flush(): void {
    const damage = this.#damage;
    if (damage === undefined || this.#isFlushing || !this.#isRunning) return;
    this.#damage = undefined;
    this.#isFlushing = true;
    const { id, screen } = this.#picture;
    this.#commands.run(transfer(id, damage, screen.layout.pitch));
    this.#commands.run(flush(id, damage), (_answer, problem) => {
      this.#isFlushing = false;
      this.counters.flushes += 1;
      if (problem !== undefined) this.counters.refused += 1;
      this.#flush();
    });
  }

  #onConfiguration(): void {
    if (!this.#isRunning) return;
    if (this.#device.needsReset) {
      this.#fail('it asked for a reset');
      return;
    }
    const { transport } = this.#device;
    const events = transport.readConfiguration(configuration.eventsRead, 4);
    if ((events & displayEvent) === 0) return;
    transport.writeConfiguration(configuration.eventsClear, displayEvent);
    this.#askForSize();
  }

  #fail(reason: string): void {
    if (!this.#isRunning) return;
    this.counters.failures += 1;
    this.#platform.log('error', `${this.name}: gave the device up: ${reason}`);
    this.stop();
  }
}

function union(a: Rectangle | undefined, b: Rectangle | undefined): Rectangle | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const width = Math.max(a.x + a.width, b.x + b.width) - x;
  const height = Math.max(a.y + a.height, b.y + b.height) - y;
  return { x, y, width, height };
}

function probe(
  platform: Platform,
  transport: VirtioTransport,
  font: Font,
): VirtioGpuDisplay | string {
  const device = new VirtioDevice(platform, transport, 'virtio-gpu');
  const problem = device.negotiate(wishes);
  if (problem !== undefined) return problem;
  try {
    return new VirtioGpuDisplay(device, font, transport.isVga);
  } catch (error) {
    device.stop();
    return error instanceof Error ? error.message : String(error);
  }
}

/** Takes every virtio graphics adapter of the machine; one that cannot be used is named in the log. */
export function attach(platform: Platform, font: () => Font | undefined): readonly Display[] {
  const displays: Display[] = [];
  for (const transport of findVirtioDevices(platform, deviceType.graphics)) {
    const glyphs = font();
    if (glyphs === undefined) return [];
    const display = probe(platform, transport, glyphs);
    if (typeof display === 'string') {
      platform.log('error', `virtio-gpu: left out the device at ${transport.name}: ${display}`);
    } else displays.push(display);
  }
  return displays;
}
