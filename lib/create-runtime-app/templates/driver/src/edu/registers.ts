/** Registers of QEMU's educational device (QEMU's docs/specs/edu.rst), as indices of 32-bit words. */
export const register = {
  /** Read: 0xRRrr00ed, the version in the upper half. */
  identification: 0x00 / 4,
  /** Write a number, read its complement. */
  liveness: 0x04 / 4,
  /** Write a number, read its factorial once the device is not computing. */
  factorial: 0x08 / 4,
  status: 0x20 / 4,
  /** Read: why it interrupts. */
  interruptStatus: 0x24 / 4,
  /** Write the reasons that were dealt with. */
  interruptAcknowledge: 0x64 / 4,
} as const;

/** Bits of the status register. */
export const status = {
  computing: 0x01,
  /** Interrupt when a factorial is computed. */
  interruptWhenComputed: 0x80,
} as const;

/** Bits of the interrupt status. */
export const reason = { computed: 0x01 } as const;
