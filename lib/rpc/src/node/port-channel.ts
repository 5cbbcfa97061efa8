/**
 * A channel to another thread of Node: rings in shared memory, and a MessagePort for bells and attachments. A bell by
 * Atomics.waitAsync() is slower than one by the port: 26,000 round trips per second to 40,000 where both were measured.
 */
import { type MessagePort, MessagePort as NodePort } from 'node:worker_threads';
import type { Attachment, Channel } from '../channel.ts';
import { ringMemory } from '../channels/ring.ts';
import { RingChannel, type RingHost } from '../channels/ring-channel.ts';

/** How a channel over a port is made. */
export interface PortChannelOptions {
  /** Bytes of the ring that this side reads, by default 65,536: a power of two. */
  readonly capacity?: number;
}

/** What goes over the port: this first, then bells and attachments. */
interface Opening {
  readonly ring: SharedArrayBuffer;
}

const bell = 0;

declare module '../calls/types.ts' {
  interface Carried {
    readonly messagePort: MessagePort;
  }
}

/**
 * Opens a channel over one port of a MessageChannel whose other port the other thread opens in the same way. The
 * port belongs to the channel from then on. It keeps the thread alive until the channel has ended.
 * @returns a channel, once the other side has opened its own
 * @throws Error (in the promise) when the port closes before that, or the other side says something else
 */
export function openPortChannel(
  port: MessagePort,
  options: PortChannelOptions = {},
): Promise<Channel> {
  const incoming = ringMemory(options.capacity ?? 65_536);
  return new Promise((resolve, reject) => {
    const onClose = (): void =>
      reject(new Error('The port was closed before the other side came.'));
    const onOpening = (opening: unknown): void => {
      port.off('close', onClose);
      try {
        resolve(new PortChannel(port, ringOf(opening), incoming).channel);
      } catch (error) {
        port.close();
        reject(error as Error);
      }
    };
    port.once('close', onClose);
    port.once('message', onOpening);
    const opening: Opening = { ring: incoming };
    port.postMessage(opening);
  });
}

function ringOf(opening: unknown): SharedArrayBuffer {
  const ring =
    typeof opening === 'object' && opening !== null ? Reflect.get(opening, 'ring') : undefined;
  if (ring instanceof SharedArrayBuffer && !ring.growable) return ring;
  throw new Error('The other side of the port has not opened a channel there.');
}

class PortChannel implements RingHost {
  readonly channel: RingChannel;
  readonly #port: MessagePort;
  readonly #arrived: (readonly Attachment[])[] = [];

  constructor(port: MessagePort, outgoing: SharedArrayBuffer, incoming: SharedArrayBuffer) {
    this.#port = port;
    this.channel = new RingChannel(outgoing, incoming, this);
    port.on('message', (message: unknown) => {
      if (Array.isArray(message)) this.#arrived.push(message);
      this.channel.wake();
    });
    port.on('close', () => this.channel.died('its thread has ended'));
  }

  ringBell(): void {
    this.#port.postMessage(bell);
  }

  later(run: () => void): void {
    setImmediate(run);
  }

  pushAttachments(items: readonly Attachment[]): void {
    this.#port.postMessage(
      items,
      items.filter((item) => item instanceof ArrayBuffer || item instanceof NodePort),
    );
  }

  get hasAttachments(): boolean {
    return this.#arrived.length > 0;
  }

  takeAttachments(): readonly Attachment[] | undefined {
    return this.#arrived.shift();
  }

  carries(value: object): boolean {
    return value instanceof NodePort;
  }

  ended(): void {
    this.#port.close();
  }
}
