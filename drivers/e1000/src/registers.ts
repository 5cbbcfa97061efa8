/**
 * Registers and descriptors of Intel's 8254x Gigabit Ethernet controllers (PCI/PCI-X Family of
 * Gigabit Ethernet Controllers Software Developer's Manual, 317453-006, chapters 3 and 13).
 */

/** Byte offsets in the register space (BAR 0); all registers have 32 bits. */
export const register = {
  control: 0x0000,
  status: 0x0008,
  eepromRead: 0x0014,
  interruptCause: 0x00c0,
  interruptThrottle: 0x00c4,
  interruptSet: 0x00d0,
  interruptClear: 0x00d8,
  receiveControl: 0x0100,
  transmitControl: 0x0400,
  transmitGap: 0x0410,
  receiveBaseLow: 0x2800,
  receiveBaseHigh: 0x2804,
  receiveLength: 0x2808,
  receiveHead: 0x2810,
  receiveTail: 0x2818,
  receiveDelay: 0x2820,
  transmitBaseLow: 0x3800,
  transmitBaseHigh: 0x3804,
  transmitLength: 0x3808,
  transmitHead: 0x3810,
  transmitTail: 0x3818,
  receiveChecksum: 0x5000,
  multicastTable: 0x5200,
  receiveAddressLow: 0x5400,
  receiveAddressHigh: 0x5404,
} as const;

/** Bytes of register space that the driver uses. */
export const registerSpace = 0x5408;
/** Words of the multicast table: 4096 bits. */
export const multicastWords = 128;

/** CTRL (13.4.1). */
export const control = {
  autoSpeed: 1 << 5,
  setLinkUp: 1 << 6,
  invertLossOfSignal: 1 << 7,
  reset: 1 << 26,
  phyReset: 2 ** 31,
} as const;

/** STATUS (13.4.2). */
export const status = { linkUp: 1 << 1 } as const;

/** EERD (13.4.4), as on all but the 82541 and 82547. */
export const eeprom = { start: 1 << 0, done: 1 << 4, addressShift: 8, dataShift: 16 } as const;

/** ICR, IMS and IMC (13.4.17). */
export const cause = {
  sent: 1 << 0,
  link: 1 << 2,
  receiveLow: 1 << 4,
  receiveOverrun: 1 << 6,
  received: 1 << 7,
} as const;

/** RCTL (13.4.22). Buffers of 2048 bytes are the value 0. */
export const receiveControl = {
  enable: 1 << 1,
  unicastPromiscuous: 1 << 3,
  multicastPromiscuous: 1 << 4,
  acceptBroadcast: 1 << 15,
  stripChecksum: 1 << 26,
} as const;

/** TCTL (13.4.33), with the collision values that 13.4.33 recommends for full duplex. */
export const transmitControl = {
  enable: 1 << 1,
  padShort: 1 << 3,
  collisionThreshold: 0x0f << 4,
  collisionDistance: 0x40 << 12,
} as const;

/** TIPG for copper (13.4.34). */
export const transmitGapCopper = 10 | (8 << 10) | (6 << 20);

/** RXCSUM (13.4.29). */
export const receiveChecksum = { ip: 1 << 8, transport: 1 << 9 } as const;

/** RAH (13.5.3). */
export const receiveAddressValid = 2 ** 31;

/** A descriptor has four words. */
export const descriptorBytes = 16;

/** Legacy receive descriptor (3.2.3), its fourth word: status in bits 0 to 7, errors from 8 on. */
export const receiveStatus = {
  done: 1 << 0,
  endOfPacket: 1 << 1,
  /** The checksum bits say nothing. */
  ignoreChecksum: 1 << 2,
  transportChecked: 1 << 5,
  /** CRC, symbol, sequence, carrier extension, data error: the frame is damaged. */
  damaged: (0x01 | 0x02 | 0x04 | 0x10 | 0x80) << 8,
  transportError: 0x20 << 8,
} as const;

/** Extended transmit descriptors (3.3.6, 3.3.7): bits of the third word. */
export const transmitCommand = {
  endOfPacket: 1 << 24,
  insertFrameChecksum: 1 << 25,
  reportStatus: 1 << 27,
  extended: 1 << 29,
  /** A data descriptor; without it a context descriptor. */
  data: 1 << 20,
} as const;

/** Their fourth word. */
export const transmitStatus = {
  done: 1 << 0,
  /** In a data descriptor: put the transport checksum in. */
  insertTransport: 2 << 8,
} as const;
