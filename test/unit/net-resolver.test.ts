/** resolv.conf, and settings that make no sense. */
import { checkSettings, type InterfaceSettings } from '@runtimejs/net/configuration/settings.ts';
import { ResolverConfiguration } from '@runtimejs/net/resolver/resolver-configuration.ts';
import { checkDomainName, parseDomainNames } from '@runtimejs/net/wire/domain-names.ts';
import test from 'ava';
import { ip } from './net-ip-fixtures.ts';

const servers = (...texts: string[]) => texts.map((text) => ({ address: ip(text), scope: '' }));

test('three name servers at most, one of each source first, static ones before all', (t) => {
  const texts: string[] = [];
  const it = new ResolverConfiguration((text) => texts.push(text));
  t.is(it.text, '# No name server is known.\n');
  it.set('ra', 'eth0', { nameServers: servers('fec0::3'), searchDomains: ['ra.example'] });
  it.set('dhcp', 'eth0', { nameServers: servers('10.0.0.1', '10.0.0.2'), searchDomains: [] });
  t.is(
    it.text,
    'nameserver 10.0.0.1\nnameserver fec0::3\nnameserver 10.0.0.2\nsearch ra.example\n',
  );
  it.set('static', 'eth0', { nameServers: servers('1.1.1.1'), searchDomains: ['a.example'] });
  t.is(
    it.text,
    'nameserver 1.1.1.1\nnameserver 10.0.0.1\nnameserver fec0::3\nsearch a.example ra.example\n',
  );
  const count = texts.length;
  it.set('dhcp', 'eth0', { nameServers: servers('10.0.0.1', '10.0.0.2'), searchDomains: [] });
  t.is(texts.length, count, 'nothing changed, nobody is called');
  it.set('dhcp', 'eth1', { nameServers: servers('10.0.0.1', '0.0.0.0'), searchDomains: [] });
  it.remove('static', 'eth0');
  it.remove('dhcp', 'eth0');
  it.remove('ra', 'eth0');
  t.is(it.text, 'nameserver 10.0.0.1\n');
  t.is(texts.at(-1), it.text);
});

test('search domains fit the line that the C library reads', (t) => {
  const it = new ResolverConfiguration(() => {});
  const domains = Array.from({ length: 20 }, (_, n) => `${'x'.repeat(50)}.d${n}.example`);
  it.set('dhcp', 'eth0', { nameServers: [], searchDomains: [...domains, ...domains] });
  const line = it.text.split('\n').find((one) => one.startsWith('search')) as string;
  t.true(line.length <= 256 + 7);
  t.is(new Set(line.split(' ')).size, line.split(' ').length);
});

test('domain names: compression, loops, padding, characters', (t) => {
  const parse = (bytes: number[], compressed = true, padded = false) =>
    parseDomainNames(Uint8Array.from(bytes), 0, bytes.length, compressed, padded);
  t.deepEqual(parse([1, 97, 1, 66, 0, 1, 99, 0xc0, 2]), ['a.b', 'c.b']);
  t.deepEqual(parse([1, 97, 0, 0, 0], false, true), ['a']);
  const refused: [number[], string][] = [
    [[0xc0, 0], 'domain name pointer not backwards'],
    [[1, 97, 0xc0, 0], 'domain name pointer not backwards'],
    [[1, 97, 0, 0xc0, 5], 'domain name pointer not backwards'],
    [[1], 'domain name truncated'],
    [[3, 97], 'domain name truncated'],
    [[1, 97], 'domain name truncated'],
    [[1, 97, 0xc0], 'domain name truncated'],
    [[64, 97], 'domain name label too long'],
    [[1, 10, 0], 'domain name has bad characters'],
    [[1, 32, 0], 'domain name has bad characters'],
    [[3, 97, 46, 98, 0], 'domain name has bad characters'],
    [new Array(200).fill([1, 97]).flat(), 'domain name too long'],
  ];
  for (const [bytes, reason] of refused) t.is(parse(bytes) as string, reason, bytes.join());
  t.is(parse([0xc0, 0], false) as string, 'domain name label too long');
  for (const text of [
    '',
    '.',
    'a..b',
    '-a',
    'a-',
    'a b',
    'a@b',
    'a[b',
    'ü',
    'a\nb',
    'x'.repeat(64),
  ]) {
    t.is(checkDomainName(text), undefined, JSON.stringify(text));
  }
  t.is(checkDomainName('Example.COM.'), 'example.com');
  t.is(checkDomainName(`_a-1.${'z'.repeat(63)}`), `_a-1.${'z'.repeat(63)}`);
});

test('settings that make no sense are refused with what is wrong', (t) => {
  const wrong: [InterfaceSettings, RegExp][] = [
    [{ ipv4: { addresses: [] } }, /needs an address like 192\.168\.1\.5\/24, or say "off"/],
    [{ ipv4: { addresses: ['192.168.1.5'] } }, /"192\.168\.1\.5" has no prefix length/],
    [{ ipv4: { addresses: ['192.168.1.500/24'] } }, /is not an address/],
    [{ ipv4: { addresses: ['2001:db8::1/64'] } }, /is not an IPv4 address/],
    [{ ipv4: { addresses: ['192.168.1.0/24'] } }, /is the network itself/],
    [{ ipv4: { addresses: ['192.168.1.255/24'] } }, /is the broadcast address/],
    [{ ipv4: { addresses: ['127.0.0.1/8'] } }, /cannot be the address of an interface/],
    [{ ipv4: { addresses: ['10.0.0.1/0'] } }, /the whole world on the link/],
    [
      { ipv4: { addresses: ['192.168.1.5/24'], gateway: '192.168.2.1' } },
      /gateway 192\.168\.2\.1 is not on the link \(192\.168\.1\.0\/24\)/,
    ],
    [
      { ipv4: { addresses: ['192.168.1.5/24'], gateway: '192.168.1.5' } },
      /is this machine's own address/,
    ],
    [
      { ipv4: { addresses: ['192.168.1.5/24'], gateway: '192.168.1.1/24' } },
      /write it without a prefix length/,
    ],
    [{ ipv6: { addresses: ['ff02::1/64'] } }, /cannot be the address of an interface/],
    [{ ipv6: { addresses: ['2001:db8::1/64'], gateway: '2001:db9::1' } }, /is not on the link/],
    [{ nameServers: ['one.one.one.one'] }, /name server "one\.one\.one\.one" is not an IP address/],
    [{ searchDomains: ['a b'] }, /"a b" is not a domain to search/],
    [{ mtu: 1000 }, /an MTU is 1280 to 65535 bytes, not 1000/],
    [{ mtu: 100, ipv6: 'off' }, /an MTU is 576 to 65535/],
    [{ hostName: 'a b' }, /is not a host name/],
    [{ identifierSecret: new Uint8Array(3) }, /16 bytes, not 3/],
  ];
  for (const [settings, expected] of wrong) {
    t.throws(() => checkSettings('eth0', settings), { message: expected });
  }
  const good = checkSettings('eth0', {
    ipv4: { addresses: ['10.0.0.1/31', '192.168.1.5/24'], gateway: '10.0.0.0' },
    ipv6: { addresses: ['2001:db8::5/64'], gateway: 'fe80::1' },
    nameServers: ['fe80::53', '1.1.1.1'],
  });
  t.deepEqual(
    good.nameServers.map(({ scope }) => scope),
    ['eth0', ''],
  );
});
