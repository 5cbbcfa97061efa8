/** Numbers of virtio 1.2 that every device and transport shares. */

/** Device status bits (section 2.1). */
export const deviceStatus = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 64,
  failed: 128,
} as const;

/** Device types (section 5). */
export const deviceType = {
  network: 1,
  console: 3,
  entropy: 4,
  graphics: 16,
  input: 18,
} as const;

/** Feature bits that belong to no device type (section 6). */
export const feature = {
  indirectDescriptors: 28,
  eventIndex: 29,
  version1: 32,
  accessPlatform: 33,
  orderPlatform: 36,
} as const;

/** Bits of the interrupt status (sections 4.1.4.5 and 4.2.2). */
export const interruptStatus = { queue: 1, configuration: 2 } as const;
