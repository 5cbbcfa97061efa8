// Where devices are said to be: the kernel's command line and ACPI's byte code.
import test from 'ava';
import { kernel } from './addon.ts';

test('virtio devices on the command line, as Linux writes them', (t) => {
  const parse = (...values: string[]) =>
    kernel.parseVirtioMmio(values.map((value) => `virtio_mmio.device=${value}`).join(' '));
  t.deepEqual(parse('512@0xfeb00e00:12'), [[512n, 0xfeb00e00n, 12n]]);
  t.deepEqual(parse('1K@4096:5', '0x200@0xFEB00000:255:7'), [
    [1024n, 4096n, 5n],
    [512n, 0xfeb00000n, 255n],
  ]);
  t.deepEqual(parse('2m@1G:1').toString().slice(0, 19), 'kernel command line');
  for (const wrong of [
    '',
    '512',
    '512@4096',
    '512@4096:',
    '512@4096:256',
    '512@4096:5:',
    '512@4096:5 ',
    '512@4096:5x',
    '0x@4096:5',
    '99999999999999999999@4096:5',
    '17179869184G@4096:5',
    '512@0xffffffffffffffff:5',
    '-1@4096:5',
  ]) {
    const parsed = parse(wrong.replace(' ', '.'));
    t.regex(String(parsed), /is not of the form virtio_mmio\.device=SIZE@ADDRESS:LINE/, wrong);
  }
  t.is(parse(...Array<string>(64).fill('512@4096:5')).length, 64);
  t.regex(String(parse(...Array<string>(65).fill('512@4096:5'))), /more than 64 virtio_mmio/);
});

const text = (value: string): number[] => [...Buffer.from(value)];
const word = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];

/** What QEMU's microvm has for each slot: Memory32Fixed and an extended interrupt. */
const slot = (address: number, line: number, flags = 0x01): number[] => [
  ...[...text('VR00'), 0x08, ...text('_HID'), 0x0d, ...text('LNRO0005'), 0],
  ...[0x08, ...text('_UID'), 0, 0x08, ...text('_CRS'), 0x11, 0x1a, 0x0a, 0x17],
  ...[0x86, 9, 0, 1, ...word(address), ...word(512)],
  ...[0x89, 6, 0, flags, 1, ...word(line), 0x79, 0],
];

test('virtio devices in byte code', (t) => {
  const aml = Uint8Array.from([1, 2, ...slot(0xfeb00000, 24), 3, ...slot(0xfeb00200, 25, 0x05)]);
  const first = [512n, 0xfeb00000n, 24n, 0n] as const;
  t.deepEqual(kernel.findVirtioMmioDevices(aml, 8), [[...first], [512n, 0xfeb00200n, 25n, 1n]]);
  t.deepEqual(kernel.findVirtioMmioDevices(aml, 1), [[...first]]);
  t.deepEqual(kernel.findVirtioMmioDevices(aml, 0), []);
});

test('cut and damaged byte code is read no further than it goes', (t) => {
  const whole = Uint8Array.from([...slot(0xfeb00000, 24)]);
  for (let length = 0; length < whole.length - 2; length += 1) {
    const found = kernel.findVirtioMmioDevices(whole.slice(0, length), 8);
    t.true(found.every(([, address]) => address === 0xfeb00000n));
  }
  t.deepEqual(kernel.findVirtioMmioDevices(Uint8Array.from(slot(0, 24)), 8), [], 'no address');
  // The id alone, far from any resources.
  const far = Uint8Array.from([...text('LNRO0005'), ...Array<number>(200).fill(0), ...slot(1, 2)]);
  t.is(kernel.findVirtioMmioDevices(far, 8).length, 1);
});

test('the place of configuration space in byte code', (t) => {
  const find = (...bytes: number[]) => kernel.findConfigurationBase(Uint8Array.from(bytes));
  const name = text('_CBA');
  t.is(find(0, 0x14, 0x0b, ...name, 0, 0xa4, 0x0c, ...word(0xe0000000), 9), 0xe0000000n);
  const long = [0x0e, ...word(0), ...word(0x40)];
  t.is(find(0, 0x14, 0x0f, ...name, 0, 0xa4, ...long), 0x4000000000n);
  t.is(find(0x08, ...name, 0x0c, ...word(0xb0000000)), 0xb0000000n);
  t.is(find(), undefined);
  t.is(find(...name), undefined);
  t.is(find(0x10, ...name, 0x0c, ...word(1)), undefined, 'mentioned, not defined');
  t.is(find(0x14, 0x0b, ...name, 0, 0xa4, 0x68), undefined, 'computed');
});
