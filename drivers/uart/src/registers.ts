/** Registers of a 16550 (National Semiconductor PC16550D data sheet). */

export const register = {
  /** DLAB set: low and high half of the divisor. */
  divisorLow: 0,
  divisorHigh: 1,
  interruptEnable: 1,
  /** Read. */
  interruptIdentification: 2,
  /** Write. */
  fifoControl: 2,
  lineControl: 3,
  modemControl: 4,
  lineStatus: 5,
  modemStatus: 6,
} as const;

export const interruptEnable = { received: 1, transmitterEmpty: 2, lineStatus: 4 } as const;

/** What an interrupt is about: bits 1 to 3; bit 0 set: nothing. */
export const interruptIdentification = {
  none: 1,
  mask: 0x0e,
  modemStatus: 0x00,
  transmitterEmpty: 0x02,
  received: 0x04,
  lineStatus: 0x06,
  receivedTimeout: 0x0c,
  /** Both set: there are FIFOs, and they are in use. */
  fifosOn: 0xc0,
} as const;

/** FIFOs on, an interrupt from 8 received bytes on. */
export const fifoControl = { enable: 0x81, clear: 0x06 } as const;
export const lineControl = { eightBits: 0x03, divisorAccess: 0x80 } as const;
/** DTR, RTS, and OUT2, which lets the interrupt through. */
export const modemControl = { ready: 0x0b } as const;
export const lineStatus = {
  overrun: 2,
  parity: 4,
  framing: 8,
  break: 16,
  transmitterEmpty: 32,
} as const;

/** Divisor for 115,200 bits per second. */
export const divisor115200 = 1;
