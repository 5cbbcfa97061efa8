// Interrupt pins of PCI devices, connected as the firmware's byte code (_PRT) says: devices without MSI-X.
import test from 'ava';
import { expectEnd } from './support/endings.ts';
import { startWithButton } from './support/power.ts';

const card = ['-netdev', 'user,id=n', '-device'];
const machines: readonly [string, readonly string[], RegExp][] = [
  [
    'microvm: no firmware notes the line in a register',
    ['-machine', 'microvm,pcie=on', ...card, 'virtio-net-pci,netdev=n,vectors=0'],
    /its pin is connected to line \d+ \(_PRT\)/,
  ],
  [
    'q35: the register names the line of the old interrupt controller',
    ['-machine', 'q35', ...card, 'virtio-net-pci,netdev=n,vectors=0'],
    /its pin is connected to line (1[6-9]|2[0-3]) \(_PRT/,
  ],
  [
    'q35: behind a bridge the pins are turned',
    [
      ...['-machine', 'q35', '-device', 'pcie-root-port,id=root0,slot=1', ...card],
      'virtio-net-pci,netdev=n,vectors=0,bus=root0',
    ],
    /PCI 01:00\.0: its pin is connected to line (1[6-9]|2[0-3]) \(_PRT/,
  ],
  [
    'pc: an e1000, whose line a link device chooses',
    ['-machine', 'pc', ...card, 'e1000,netdev=n'],
    /its pin is connected to line (5|10|11) \(/,
  ],
];

for (const [what, extraArguments, connected] of machines) {
  test.serial(what, async (t) => {
    const { end, press, seen } = await startWithButton('none', {
      append: 'log=debug',
      extraArguments,
    });
    await seen(connected);
    await seen(/eth0: 10\.0\.2\.15/);
    await seen(/ACPI: byte code loaded/);
    await press();
    expectEnd(t, await end(), 143);
  });
}
