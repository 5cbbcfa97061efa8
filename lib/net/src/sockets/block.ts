/** Socket blocks: where their fields lie in `Memory.words`, and addresses in them. */
import { anyV4, anyV6, type Endpoint, IpAddress } from '../address.ts';
import { socketBlock, socketTableOffset } from '../generated/shared-memory.ts';
import type { Memory } from '../memory.ts';

/** AF_INET and AF_INET6, as in socket(2). */
export const familyV4 = 2;
export const familyV6 = 10;

const wordsPerBlock = socketBlock.size >> 2;
const tableWord = socketTableOffset >> 2;

/** Number of the first word of a socket's block. */
export function blockWord(socket: number): number {
  return tableWord + socket * wordsPerBlock;
}

/** Fields as words from the start of the block; see socketBlock for what they mean. */
export const field = {
  kind: socketBlock.kind >> 2,
  family: socketBlock.family >> 2,
  kernelFlags: socketBlock.kernelFlags >> 2,
  sendHead: socketBlock.sendHead >> 2,
  receiveTail: socketBlock.receiveTail >> 2,
  acceptTaken: socketBlock.acceptTaken >> 2,
  requestSequence: socketBlock.requestSequence >> 2,
  requestOperation: socketBlock.requestOperation >> 2,
  requestValue0: socketBlock.requestValue0 >> 2,
  requestValue1: socketBlock.requestValue1 >> 2,
  requestLength: socketBlock.requestLength >> 2,
  requestEndpoint: socketBlock.requestFamily >> 2,
  sendOffset: socketBlock.sendOffset >> 2,
  sendCapacity: socketBlock.sendCapacity >> 2,
  receiveOffset: socketBlock.receiveOffset >> 2,
  receiveCapacity: socketBlock.receiveCapacity >> 2,
  sendBuffer: socketBlock.sendBuffer >> 2,
  receiveBuffer: socketBlock.receiveBuffer >> 2,
  serviceFlags: socketBlock.serviceFlags >> 2,
  sendTail: socketBlock.sendTail >> 2,
  receiveHead: socketBlock.receiveHead >> 2,
  sendLimit: socketBlock.sendLimit >> 2,
  receiveNotify: socketBlock.receiveNotify >> 2,
  receiveNotifyAt: socketBlock.receiveNotifyAt >> 2,
  acceptOffered: socketBlock.acceptOffered >> 2,
  error: socketBlock.error >> 2,
  replySequence: socketBlock.replySequence >> 2,
  replyError: socketBlock.replyError >> 2,
  replyValue: socketBlock.replyValue >> 2,
  replyLength: socketBlock.replyLength >> 2,
  listener: socketBlock.listener >> 2,
  localEndpoint: socketBlock.localFamily >> 2,
  peerEndpoint: socketBlock.peerFamily >> 2,
  requestData: socketBlock.requestData >> 2,
} as const;

/** Bytes of request_data. */
export const requestDataSize = socketBlock.size - socketBlock.requestData;

/** Turns a word from network order into a number or back; the machine is little endian. */
export function swapWord(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Family of an address in memory: 0 when there is none. */
export function endpointFamily(memory: Memory, at: number): number {
  return (memory.words[at] as number) & 0xffff;
}

/**
 * Reads an address from memory.
 * @param at number of the word with family and port
 * @returns a new endpoint; IPv4 in its mapped form
 */
export function readEndpoint(memory: Memory, at: number): Endpoint {
  const { words } = memory;
  const address = new IpAddress(
    swapWord(words[at + 2] as number),
    swapWord(words[at + 3] as number),
    swapWord(words[at + 4] as number),
    swapWord(words[at + 5] as number),
  );
  return { address, port: (words[at] as number) >>> 16, scope: words[at + 1] as number };
}

/** Writes an address to memory, in the family of the socket that it belongs to. */
export function writeEndpoint(
  memory: Memory,
  at: number,
  family: number,
  endpoint: Endpoint,
): void {
  const { words } = memory;
  const { address } = endpoint;
  words[at] = family | (endpoint.port << 16);
  words[at + 1] = endpoint.scope;
  words[at + 2] = swapWord(address.word0);
  words[at + 3] = swapWord(address.word1);
  words[at + 4] = swapWord(address.word2);
  words[at + 5] = swapWord(address.word3);
}

/** Takes an address away: family 0. */
export function clearEndpoint(memory: Memory, at: number): void {
  memory.words.fill(0, at, at + 6);
}

/** The wildcard address of a family with a port of the stack's choice. */
export function anyEndpoint(family: number): Endpoint {
  return { address: family === familyV4 ? anyV4 : anyV6, port: 0, scope: 0 };
}
