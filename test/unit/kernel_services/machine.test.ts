// The real-time clock, ACPI's structures, load averages.
import test from 'ava';
import { kernel } from './addon.ts';

const BINARY = 0x04;
const HOUR_24 = 0x02;
const bcd = (value: number) => Math.floor(value / 10) * 16 + (value % 10);

interface Moment {
  year: number;
  month: number;
  day: number;
  hours: number;
  minutes: number;
  seconds: number;
}

/** Registers in BCD with 24 hours, as PCs have them. */
const registers = (m: Moment) =>
  Uint8Array.of(
    bcd(m.seconds),
    bcd(m.minutes),
    bcd(m.hours),
    bcd(m.day),
    bcd(m.month),
    bcd(m.year % 100),
    bcd(Math.floor(m.year / 100)),
    HOUR_24,
  );

test('the clock decodes dates over centuries as JavaScript does', (t) => {
  for (let day = 0; day < 200 * 365; day += 13) {
    const date = new Date(day * 86_400_000 + ((day * 7919_000) % 86_400_000));
    const moment = {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hours: date.getUTCHours(),
      minutes: date.getUTCMinutes(),
      seconds: date.getUTCSeconds(),
    };
    const decoded = Number(kernel.decodeRtc(registers(moment)));
    if (decoded !== Math.floor(date.getTime() / 1000)) t.fail(`${date.toISOString()}: ${decoded}`);
  }
  t.pass();
});

test('the clock decodes leap days, binary values and 12-hour values', (t) => {
  const expected = BigInt(Date.UTC(2028, 1, 29, 12, 5, 6) / 1000);
  t.is(kernel.decodeRtc(Uint8Array.of(6, 5, 12, 29, 2, 28, 20, BINARY | HOUR_24)), expected);
  const noon = Uint8Array.of(6, 5, 12 | 0x80, 29, 2, 28, 20, BINARY);
  t.is(kernel.decodeRtc(noon), expected);
  const midnight = Uint8Array.of(6, 5, 12, 29, 2, 28, 20, BINARY);
  t.is(kernel.decodeRtc(midnight), expected - 43200n);
  const elevenAtNight = Uint8Array.of(0x06, 0x05, 0x11 | 0x80, 0x29, 0x02, 0x28, 0x20, 0);
  t.is(kernel.decodeRtc(elevenAtNight), expected + 11n * 3600n);
});

test('a clock without a century is of 1970 to 2069', (t) => {
  const year = (value: number) =>
    kernel.decodeRtc(Uint8Array.of(0, 0, 0, 1, 1, value, 0, BINARY | HOUR_24));
  t.is(year(70), 0n);
  t.is(year(26), BigInt(Date.UTC(2026, 0, 1) / 1000));
  t.is(year(99), BigInt(Date.UTC(1999, 0, 1) / 1000));
});

test('a clock with impossible fields is not believed', (t) => {
  const bad = [
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 0, 0, 0, 0, 0],
    [61, 0, 0, 1, 1, 26, 20, 6],
    [0, 60, 0, 1, 1, 26, 20, 6],
    [0, 0, 24, 1, 1, 26, 20, 6],
    [0, 0, 13, 1, 1, 26, 20, 4],
    [0, 0, 0, 32, 1, 26, 20, 6],
    [0, 0, 0, 1, 13, 26, 20, 6],
    [0, 0, 0, 1, 1, 26, 19, 6],
  ];
  for (const values of bad) t.is(kernel.decodeRtc(Uint8Array.from(values)), 0n, `${values}`);
});

const withChecksum = (bytes: Buffer, at: number, length = bytes.length) => {
  bytes[at] = 0;
  const sum = bytes.subarray(0, length).reduce((total, byte) => total + byte, 0);
  bytes[at] = (256 - (sum % 256)) % 256;
  return bytes;
};

const rootPointer = (revision: number) => {
  const bytes = Buffer.alloc(36);
  bytes.write('RSD PTR ', 0);
  bytes.write('TESTER', 9);
  bytes[15] = revision;
  bytes.writeUInt32LE(0x7ffe0000, 16);
  withChecksum(bytes, 8, 20);
  if (revision >= 2) {
    bytes.writeUInt32LE(36, 20);
    bytes.writeBigUInt64LE(0x1_0000_0000n, 24);
    withChecksum(bytes, 32);
  }
  return bytes;
};

test('the root pointer leads to the XSDT, or to the RSDT in old tables', (t) => {
  t.deepEqual(kernel.parseAcpiRoot(rootPointer(2)), { table: 0x1_0000_0000n, entrySize: 8 });
  t.deepEqual(kernel.parseAcpiRoot(rootPointer(0)), { table: 0x7ffe0000n, entrySize: 4 });
  const first = rootPointer(0).subarray(0, 20);
  t.deepEqual(kernel.parseAcpiRoot(first), { table: 0x7ffe0000n, entrySize: 4 });
});

test('a damaged root pointer is refused; a damaged extension falls back to the RSDT', (t) => {
  for (let i = 0; i < 20; ++i) {
    const damaged = rootPointer(2);
    damaged[i] = (damaged[i] ?? 0) ^ 0x10;
    t.is(kernel.parseAcpiRoot(damaged), undefined, `byte ${i}`);
  }
  const extension = rootPointer(2);
  extension[25] = 1;
  t.deepEqual(kernel.parseAcpiRoot(extension), { table: 0x7ffe0000n, entrySize: 4 });
  const length = rootPointer(2);
  length.writeUInt32LE(0xffffffff, 20);
  t.deepEqual(kernel.parseAcpiRoot(length), { table: 0x7ffe0000n, entrySize: 4 });
  t.is(kernel.parseAcpiRoot(rootPointer(2).subarray(0, 19)), undefined);
});

const fixedDescription = (size: number, flags: number) => {
  const bytes = Buffer.alloc(276);
  bytes.writeUInt32LE(0x1000, 40); // DSDT
  bytes.writeUInt32LE(0xb2, 48); // SMI_CMD
  bytes[52] = 2; // ACPI_ENABLE
  bytes.writeUInt32LE(0x604, 64); // PM1a_CNT_BLK
  bytes.writeUInt32LE(flags, 112);
  bytes[116] = 1; // RESET_REG: port 0xcf9
  bytes.writeBigUInt64LE(0xcf9n, 120);
  bytes[128] = 0x0f;
  bytes.writeBigUInt64LE(0x2000n, 140); // X_DSDT
  bytes[172] = 0; // X_PM1a_CNT_BLK in memory
  bytes.writeBigUInt64LE(0xfed00004n, 176);
  bytes[244] = 0; // SLEEP_CONTROL_REG
  bytes.writeBigUInt64LE(0xfea00100n, 248);
  return bytes.subarray(0, size);
};

test('the fixed description of the first revision has ports only', (t) => {
  t.deepEqual(kernel.parseFixedDescription(fixedDescription(116, 1 << 10)), {
    dsdt: 0x1000n,
    smiCommandPort: 0xb2,
    acpiEnable: 2,
    controlA: { space: 1, address: 0x604n },
    controlB: undefined,
    reset: undefined,
    resetValue: 0,
    sleepControl: undefined,
    isHardwareReduced: false,
  });
});

test('the fixed description of later revisions prefers the extended fields', (t) => {
  const fixed = kernel.parseFixedDescription(fixedDescription(276, (1 << 10) | (1 << 20)));
  t.deepEqual(fixed, {
    dsdt: 0x2000n,
    smiCommandPort: 0xb2,
    acpiEnable: 2,
    controlA: { space: 0, address: 0xfed00004n },
    controlB: undefined,
    reset: { space: 1, address: 0xcf9n },
    resetValue: 0x0f,
    sleepControl: { space: 0, address: 0xfea00100n },
    isHardwareReduced: true,
  });
  const withoutFlags = kernel.parseFixedDescription(fixedDescription(276, 0));
  t.is(withoutFlags?.reset, undefined);
  t.is(withoutFlags?.sleepControl, undefined);
  t.is(kernel.parseFixedDescription(fixedDescription(115, 0)), undefined);
});

const aml = (...parts: (string | number[] | Buffer)[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
  );

test('the soft-off type is found in the forms that firmware writes', (t) => {
  const junk = [0x5b, 0x80, 0x41];
  const qemu = aml(junk, [0x08], '_S5_', [0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00]);
  t.deepEqual(kernel.findSoftOffType(qemu), [0, 0]);
  const bytes = aml([0x08], '\\_S5_', [0x12, 0x0a, 0x04, 0x0a, 0x05, 0x0a, 0x07, 0x00, 0x00]);
  t.deepEqual(kernel.findSoftOffType(bytes), [5, 7]);
  const long = aml([0x08], '_S5_', [0x12, 0x47, 0x00, 0x04, 0x01, 0x0b, 0x03, 0x00, 0x00, 0x00]);
  t.deepEqual(kernel.findSoftOffType(long), [1, 3]);
  const reference = aml('_S5_', junk, qemu);
  t.deepEqual(kernel.findSoftOffType(reference), [0, 0]);
});

test('byte code without a plain soft-off package is not guessed at', (t) => {
  t.is(kernel.findSoftOffType(aml('')), undefined);
  t.is(kernel.findSoftOffType(aml('_S5_')), undefined);
  t.is(kernel.findSoftOffType(aml([0x08], '_S4_', [0x12, 6, 4, 0, 0, 0, 0])), undefined);
  t.is(kernel.findSoftOffType(aml([0x14], '_S5_', [0x12, 6, 4, 0, 0, 0, 0])), undefined);
  t.is(kernel.findSoftOffType(aml([0x08], '_S5_', [0x12, 6, 4, 0x0a, 9, 0, 0])), undefined);
  t.is(kernel.findSoftOffType(aml([0x08], '_S5_', [0x12, 6, 4, 0x70, 1, 0, 0])), undefined);
  t.is(kernel.findSoftOffType(aml([0x08], '_S5_', [0x12, 6, 0])), undefined);
  const whole = aml([0x08], '_S5_', [0x12, 0x0a, 0x04, 0x0a, 0x05, 0x0a, 0x07]);
  for (let end = 0; end < whole.length; ++end) {
    t.is(kernel.findSoftOffType(whole.subarray(0, end)), undefined, `cut at ${end}`);
  }
});

test('load averages approach the load with their periods', (t) => {
  const [one, five, fifteen] = kernel.advanceLoad(1, 12); // one minute
  const approach = (minutes: number) => 1 - Math.exp(-1 / minutes);
  t.true(Math.abs(one - approach(1)) < 0.005, `${one}`);
  t.true(Math.abs(five - approach(5)) < 0.005, `${five}`);
  t.true(Math.abs(fifteen - approach(15)) < 0.005, `${fifteen}`);
  for (const average of kernel.advanceLoad(4, 0xffffffff)) t.true(Math.abs(average - 4) < 0.01);
});
