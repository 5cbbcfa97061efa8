/** Registers of PCI configuration space (PCI Local Bus 3.0, chapter 6). */

/** The type 0 header. */
export const configuration = {
  vendor: 0x00,
  device: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  /** Class, subclass and programming interface: three bytes from here on, lowest first. */
  classCode: 0x09,
  headerType: 0x0e,
  subsystemVendor: 0x2c,
  subsystem: 0x2e,
  capabilities: 0x34,
  interruptPin: 0x3d,
} as const;

/** Bits of the command register. */
export const command = {
  ports: 1 << 0,
  memory: 1 << 1,
  busMaster: 1 << 2,
  lineDisable: 1 << 10,
} as const;

/** Bits of the status register. */
export const status = { capabilities: 1 << 4 } as const;

/** What kinds of capability there are (PCI Code and ID Assignment, section 2). */
export const capabilityKind = { msi: 0x05, vendor: 0x09, msix: 0x11 } as const;
