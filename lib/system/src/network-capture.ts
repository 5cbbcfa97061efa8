/** Records packets for the app: what `/proc/net/capture` shows. */
import { Capture, type CaptureOptions } from '@runtimejs/net/capture/capture.ts';
import type { CaptureFactory } from './network.ts';

/** Files that the kernel shows are bounded: so much of the newest packets, in bytes. */
const defaultSize = 512 * 1024;

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base 64 (RFC 4648, section 4); a bare isolate has no btoa(). */
export function encodeBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits =
      ((bytes[at] as number) << 16) |
      ((left > 1 ? (bytes[at + 1] as number) : 0) << 8) |
      (left > 2 ? (bytes[at + 2] as number) : 0);
    parts.push(
      digits.charAt(bits >> 18) +
        digits.charAt((bits >> 12) & 63) +
        (left > 1 ? digits.charAt((bits >> 6) & 63) : '=') +
        (left > 2 ? digits.charAt(bits & 63) : '='),
    );
  }
  return parts.join('');
}

/**
 * Records the newest packets of all cards, for NetworkOptions.capture. Every second the recording goes
 * to `/proc/net/capture`: a pcapng file in base 64 (the kernel's files are text), which
 * `network.capture()` of @runtimejs/kernel reads.
 */
export function capture(options: CaptureOptions = {}): CaptureFactory {
  return (environment, { bindings }) => {
    const epoch = Number(bindings.clock.wall() / 1000n) - bindings.clock.now();
    const settings = { epoch, size: defaultSize, ...options };
    const recording = new Capture(environment.memory, environment.clock, settings);
    let published = -1;
    return {
      wrap: (device) => recording.wrap(device),
      publish: (broker) => {
        if (recording.packets === published) return;
        published = recording.packets;
        broker.publishFile('net/capture', encodeBase64(recording.file()));
      },
    };
  };
}
