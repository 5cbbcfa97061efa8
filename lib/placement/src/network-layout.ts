/** How the memory is divided that a network driver's isolate shares with the stack and with its card. */
import { controlBytes, type RingPlace } from './ring.ts';

const mebibyte = 2 ** 20;

/** All of it: as much as is contiguous for devices. */
export const networkMemory = 4 * mebibyte;

/** The rings, at the start; what follows is the card's. */
export const networkRings: { readonly received: RingPlace; readonly sent: RingPlace } = {
  received: { control: 1.5 * mebibyte, offset: 0, size: mebibyte },
  sent: { control: 1.5 * mebibyte + controlBytes, offset: mebibyte, size: mebibyte / 2 },
};

/** Where the card's memory begins. */
export const networkReserved: number = 1.5 * mebibyte + 4096;
