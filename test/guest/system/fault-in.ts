/** Datagrams that ask for a fault: to port 9, with the text "fault: NAME". */
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Packet } from '@runtimejs/net/packet.ts';

/** Ethernet, IPv4 without options and UDP: where the payload lies, and the words that come first in it. */
const payload = 14 + 20 + 8;
const destinationPort = 14 + 20 + 2;
const discard = 9;
const prefix = 'fault: ';

/** The fault that a frame asks for; undefined when it asks for none. */
export function faultIn(memory: Memory, packet: Packet): string | undefined {
  const { bytes } = memory;
  const at = packet.start + payload;
  if (packet.length < payload + prefix.length || packet.length > 200) return undefined;
  if (bytes[packet.start + destinationPort + 1] !== discard) return undefined;
  let text = '';
  for (let index = at; index < packet.end; index++) text += String.fromCharCode(bytes[index] ?? 0);
  return text.startsWith(prefix) ? text.slice(prefix.length).split('\n')[0] : undefined;
}
