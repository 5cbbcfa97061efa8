/** Values of socket options in a block's request_data. */
import { IpAddress } from '../../address.ts';
import { errno } from '../../errors.ts';
import { familyV4, familyV6, field, requestDataSize } from '../block.ts';
import type { ServiceSocket } from '../host.ts';

/** A value that is too short to be read. */
export const tooShort = undefined;

/** Bytes that came with the request. */
export function valueLength(socket: ServiceSocket): number {
  const length = socket.words[socket.block + field.requestLength] as number;
  return Math.min(length >>> 0, requestDataSize);
}

/** Offset of request_data in memory. */
function dataAt(socket: ServiceSocket): number {
  return (socket.block + field.requestData) << 2;
}

/** A signed int, or a byte where only one came, as IP_TTL and others may be given. */
export function readInteger(socket: ServiceSocket): number | typeof tooShort {
  const length = valueLength(socket);
  if (length >= 4) return socket.words[socket.block + field.requestData] as number;
  if (length >= 1) return socket.host.parts.environment.memory.bytes[dataAt(socket)] as number;
  return tooShort;
}

/** An int at an offset of the value. */
export function readIntegerAt(socket: ServiceSocket, offset: number): number {
  return socket.words[socket.block + field.requestData + (offset >> 2)] as number;
}

/** An IPv4 address at an offset of the value. */
export function readV4At(socket: ServiceSocket, offset: number): IpAddress {
  return IpAddress.readV4(socket.host.parts.environment.memory.bytes, dataAt(socket) + offset);
}

/** An IPv6 address at an offset of the value. */
export function readV6At(socket: ServiceSocket, offset: number): IpAddress {
  return IpAddress.readV6(socket.host.parts.environment.memory.bytes, dataAt(socket) + offset);
}

/** The address in a struct sockaddr_in or sockaddr_in6 at an offset of the value; undefined: neither. */
export function readSocketAddress(socket: ServiceSocket, offset: number): IpAddress | undefined {
  const length = valueLength(socket);
  const at = dataAt(socket) + offset;
  const { bytes } = socket.host.parts.environment.memory;
  const family = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  if (family === familyV4 && length >= offset + 8) return IpAddress.readV4(bytes, at + 4);
  if (family === familyV6 && length >= offset + 24) return IpAddress.readV6(bytes, at + 8);
  return undefined;
}

/** Text up to the first NUL. */
export function readText(socket: ServiceSocket): string {
  const { bytes } = socket.host.parts.environment.memory;
  let text = '';
  for (let index = 0; index < valueLength(socket); index++) {
    const code = bytes[dataAt(socket) + index] as number;
    if (code === 0) break;
    text += String.fromCharCode(code);
  }
  return text;
}

/** Answers with an int. */
export function replyInteger(socket: ServiceSocket, value: number): number {
  socket.words[socket.block + field.requestData] = value;
  socket.words[socket.block + field.replyLength] = 4;
  return 0;
}

/** Answers with 4 bytes of an IPv4 address. */
export function replyV4(socket: ServiceSocket, address: IpAddress): number {
  address.write(socket.host.parts.environment.memory.bytes, dataAt(socket));
  socket.words[socket.block + field.replyLength] = 4;
  return 0;
}

/** Answers with text, padded with NUL to `size` bytes. */
export function replyText(socket: ServiceSocket, text: string, size: number): number {
  const { bytes } = socket.host.parts.environment.memory;
  const at = dataAt(socket);
  for (let index = 0; index < size; index++) bytes[at + index] = text.charCodeAt(index) | 0;
  socket.words[socket.block + field.replyLength] = size;
  return 0;
}

/** Answers with what `fill` writes. */
export function replyBytes(socket: ServiceSocket, fill: (into: Uint8Array) => number): number {
  const at = dataAt(socket);
  const { bytes } = socket.host.parts.environment.memory;
  const length = fill(bytes.subarray(at, at + requestDataSize));
  socket.words[socket.block + field.replyLength] = length;
  return 0;
}

/**
 * Reads an int within bounds and hands it on.
 * @returns 0, or EINVAL when there is none or it is out of bounds
 */
export function setInteger(
  socket: ServiceSocket,
  least: number,
  most: number,
  set: (value: number) => void,
): number {
  const value = readInteger(socket);
  if (value === tooShort || value < least || value > most) return errno.EINVAL;
  set(value);
  return 0;
}

/** Reads an int as yes or no and hands it on. */
export function setBoolean(socket: ServiceSocket, set: (value: boolean) => void): number {
  const value = readInteger(socket);
  if (value === tooShort) return errno.EINVAL;
  set(value !== 0);
  return 0;
}
