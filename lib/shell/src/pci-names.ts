/** Names of PCI devices that virtual machines have. Classes are those of PCI Code and ID Assignment, chapter 1. */

const classes: Readonly<Record<string, string>> = {
  '0100': 'SCSI controller',
  '0101': 'IDE controller',
  '0106': 'SATA controller',
  '0108': 'NVMe controller',
  '0180': 'Mass storage controller',
  '0200': 'Ethernet controller',
  '0280': 'Network controller',
  '0300': 'VGA controller',
  '0380': 'Display controller',
  '0403': 'Audio device',
  '0500': 'RAM memory',
  '0600': 'Host bridge',
  '0601': 'ISA bridge',
  '0604': 'PCI bridge',
  '0680': 'Bridge',
  '0780': 'Communication controller',
  '0900': 'Keyboard controller',
  '0980': 'Input device controller',
  '0c03': 'USB controller',
  '0c05': 'SMBus',
};

const vendors: Readonly<Record<string, string>> = {
  '1013': 'Cirrus Logic',
  '1022': 'AMD',
  '10ec': 'Realtek',
  '1234': 'QEMU',
  '15ad': 'VMware',
  '1af4': 'Red Hat virtio',
  '1b36': 'Red Hat QEMU',
  '1d0f': 'Amazon',
  '8086': 'Intel',
};

const virtioTypes: Readonly<Record<number, string>> = {
  1: 'network card',
  2: 'block device',
  3: 'console',
  4: 'entropy source',
  5: 'balloon',
  8: 'SCSI host',
  9: '9P transport',
  16: 'graphics adapter',
  18: 'input device',
  19: 'socket',
  26: 'file system',
};
/** Transitional virtio devices have numbers of their own (virtio 1.2, 4.1.2.1). */
const transitional: Readonly<Record<string, number>> = {
  '1000': 1,
  '1001': 2,
  '1002': 5,
  '1003': 3,
  '1004': 8,
  '1005': 4,
  '1009': 9,
};

/** @param code class, subclass and interface, six hexadecimal digits */
export function describePciClass(code: string): string {
  return classes[code.slice(0, 4)] ?? `Class ${code.slice(0, 4)}`;
}

/** @param vendor, device four hexadecimal digits each */
export function describePciVendor(vendor: string, device: string): string {
  const name = vendors[vendor] ?? `Vendor ${vendor}`;
  if (vendor !== '1af4') return name;
  const type = transitional[device] ?? Number.parseInt(device, 16) - 0x1040;
  return `${name} ${virtioTypes[type] ?? 'device'}`;
}
