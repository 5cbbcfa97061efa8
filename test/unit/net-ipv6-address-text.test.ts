/** Text forms of addresses: RFC 4291, section 2.2, and RFC 5952. */
import { IpAddress } from '@runtimejs/net/address.ts';
import {
  formatAddress,
  formatHardwareAddress,
  parseAddress,
  parseWithPrefix,
} from '@runtimejs/net/address-text.ts';
import test from 'ava';

const canonical: readonly (readonly [string, string])[] = [
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['10.0.2.15', '10.0.2.15'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::A', '2001:db8::a'],
  ['FE80::5054:FF:FE12:3456', 'fe80::5054:ff:fe12:3456'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
];

test('addresses are read and written in canonical form', (t) => {
  for (const [text, expected] of canonical) {
    const address = parseAddress(text);
    t.truthy(address, text);
    t.is(formatAddress(address as IpAddress), expected);
    t.true(parseAddress(expected)?.equals(address as IpAddress), expected);
  }
});

test('what is not an address is refused', (t) => {
  for (const text of [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    '1..2.3',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '1.2.3.4::',
    '::1.2.3',
    ':1::',
    '1::2:',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1/64',
  ]) {
    t.is(parseAddress(text), undefined, JSON.stringify(text));
  }
});

test('random addresses survive the way to text and back', (t) => {
  let state = 1;
  const word = () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    // Many zero groups, so that every place of `::` occurs.
    return (
      (state & 0x30000 ? 0 : state & 0xffff0000) | (state & 0xc0000 ? 0 : (state >>> 16) & 0xff)
    );
  };
  for (let run = 0; run < 2000; run++) {
    const address = new IpAddress(word(), word(), word(), word());
    t.true(parseAddress(formatAddress(address))?.equals(address), formatAddress(address));
  }
});

test('prefixes must fit their family', (t) => {
  t.is(parseWithPrefix('10.0.2.15/24')?.prefixLength, 24);
  t.is(parseWithPrefix('::/0')?.prefixLength, 0);
  for (const text of ['10.0.0.0', '10.0.0.0/33', '::1/129', '::1/', '::1/064', '::1/-1', '/24']) {
    t.is(parseWithPrefix(text), undefined, text);
  }
});

test('Ethernet addresses are written with colons', (t) => {
  t.is(formatHardwareAddress(Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x5)), '52:54:00:12:34:05');
});
