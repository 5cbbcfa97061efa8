import { randomBytes } from 'node:crypto';
import test from 'ava';
import { loadKernelCode } from '../native/build.ts';

const platform = await loadKernelCode<{
  systemSerial(tables: Uint8Array): string;
  noCloudHostName(serial: string): string;
}>('kernel_platform');

/** A structure: type, formatted bytes behind the header, strings. */
function structure(type: number, content: readonly number[], strings: readonly string[]): Buffer {
  const header = Buffer.from([type, 4 + content.length, 0, 0, ...content]);
  const text = strings.length > 0 ? strings.map((string) => `${string}\0`).join('') : '\0';
  return Buffer.concat([header, Buffer.from(`${text}\0`, 'latin1')]);
}

const bios = structure(0, [1, 2, 0, 0, 3], ['a vendor', 'a version', 'a date']);
const board = structure(2, [], []);
const system = structure(1, [1, 2, 0, 3, 0, 0], ['a maker', 'a product', 'ds=nocloud;h=x']);
const end = structure(127, [], []);

test('the serial number is found behind other structures', (t) => {
  t.is(platform.systemSerial(Buffer.concat([bios, board, system, end])), 'ds=nocloud;h=x');
});

test('without a serial number there is none', (t) => {
  for (const tables of [
    Buffer.alloc(0),
    end,
    Buffer.concat([bios, end, system]),
    structure(1, [1, 2, 0, 0], ['a maker']),
    structure(1, [1, 2, 0, 9], ['a maker']),
    structure(1, [1], ['a maker']),
  ]) {
    t.is(platform.systemSerial(tables), '');
  }
});

test('tables that are cut or damaged anywhere give nothing that is not in them', (t) => {
  const whole = Buffer.concat([bios, board, system, end]);
  for (let length = 0; length < whole.length; length++) {
    const found = platform.systemSerial(whole.subarray(0, length));
    t.true(found === '' || found === 'ds=nocloud;h=x');
  }
  for (let round = 0; round < 2000; round++) {
    const noise = randomBytes(round % 200);
    t.true(platform.systemSerial(noise).length <= noise.length);
  }
});

test('host names of NoCloud', (t) => {
  for (const [serial, name] of [
    ['ds=nocloud;h=web-7', 'web-7'],
    ['ds=nocloud-net;i=1;local-hostname=web-7;s=http://x/', 'web-7'],
    ['ds=nocloud', ''],
    ['ds=nocloud;h=', ''],
    ['ds=ec2;h=web-7', ''],
    ['h=web-7', ''],
    ['', ''],
    [';;h=x', ''],
  ] as const) {
    t.is(platform.noCloudHostName(serial), name, serial);
  }
});
