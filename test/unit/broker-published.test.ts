// What the service publishes: interfaces for netlink, ioctl(2) and /proc, and files.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import {
  abi,
  call,
  callAsync,
  datagram,
  host,
  inet,
  must,
  sleepers,
} from './kernel_broker/service.ts';

const path = (name: string): Buffer => Buffer.from(`${name}\0`);

function readFile(name: string): string {
  const fd = must('open', path(name), 0, 0);
  const buffer = Buffer.alloc(65536);
  const size = must('read', fd, buffer, buffer.length);
  must('close', fd);
  return buffer.toString('latin1', 0, size);
}

interface Address {
  readonly bytes: readonly number[];
  readonly prefix: number;
  readonly scope: number;
}

/** A RuntimePublishedInterface with its addresses. */
function published(
  index: number,
  name: string,
  flags: number,
  hardwareType: number,
  addresses: readonly Address[],
): Buffer {
  const { publishedInterface, publishedAddress } = abi;
  const bytes = Buffer.alloc(publishedInterface.size + addresses.length * publishedAddress.size);
  bytes.writeUInt32LE(index, publishedInterface.index);
  bytes.writeUInt32LE(flags, publishedInterface.flags);
  bytes.writeUInt32LE(1500, publishedInterface.mtu);
  bytes.writeUInt32LE(hardwareType, publishedInterface.hardwareType);
  Buffer.from([2, 0, 0, 0, 0, index]).copy(bytes, publishedInterface.hardwareAddress);
  bytes.write(name, publishedInterface.name);
  bytes.writeUInt32LE(addresses.length, publishedInterface.addressCount);
  addresses.forEach(({ bytes: address, prefix, scope }, position) => {
    const at = publishedInterface.size + position * publishedAddress.size;
    bytes.writeUInt16LE(address.length === 4 ? 2 : 10, at + publishedAddress.family);
    bytes.writeUInt16LE(prefix, at + publishedAddress.prefixLength);
    bytes.writeUInt32LE(scope, at + publishedAddress.scope);
    Buffer.from(address).copy(bytes, at + publishedAddress.address);
  });
  return bytes;
}

const loopbackV6 = [...new Array<number>(15).fill(0), 1];
const linkLocal = [0xfe, 0x80, ...new Array<number>(13).fill(0), 2];
const both = Buffer.concat([
  published(1, 'lo', 0x49, 772, [
    { bytes: [127, 0, 0, 1], prefix: 8, scope: 254 },
    { bytes: loopbackV6, prefix: 128, scope: 254 },
  ]),
  published(2, 'eth0', 0x1043, 1, [
    { bytes: [10, 0, 2, 15], prefix: 24, scope: 0 },
    { bytes: linkLocal, prefix: 64, scope: 253 },
  ]),
]);

/** ioctl(2) of a struct ifreq: its 24 bytes behind the name, or the error. */
function ask(request: number, name: string, index = 0): Buffer | string {
  const fd = must('socket', inet, datagram, 0);
  const bytes = Buffer.alloc(40);
  bytes.write(name);
  bytes.writeInt32LE(index, 16);
  const outcome = call('ioctl', fd, request, bytes);
  must('close', fd);
  return typeof outcome === 'string' ? outcome : bytes;
}

test.serial('opening resolv.conf waits until it is published', async (t) => {
  const opened = callAsync('open', path('/etc/resolv.conf'), 0, 0);
  await sleepers(1);
  t.is(host.publishFile('resolv.conf', 'nameserver 10.0.2.3\n'), 0);
  const fd = (await opened) as number;
  const buffer = Buffer.alloc(100);
  t.is(call('lseek', fd, 0, 2), 20); // c-ares asks for the size this way
  call('lseek', fd, 0, 0);
  t.is(must('read', fd, buffer, 100), 20);
  must('close', fd);
  t.is(readFile('/etc/resolv.conf'), 'nameserver 10.0.2.3\n'); // does not wait again
});

test.serial('a file that changes: shorter, and whoever watches it hears', async (t) => {
  const watcher = must('inotify_init1', 0o4000);
  must('inotify_add_watch', watcher, path('/etc/resolv.conf'), 0xa); // modify, close after writing
  t.is(host.publishFile('resolv.conf', 'short\n'), 0);
  t.is(readFile('/etc/resolv.conf'), 'short\n');
  const events = Buffer.alloc(256);
  t.is(must('read', watcher, events, 256), 32);
  t.is(events.readUInt32LE(4), 2);
  t.is(events.readUInt32LE(20), 8);
  must('close', watcher);
  await sleep(0);
});

test.serial('names that may be published', (t) => {
  t.is(host.publishFile('hosts', '127.0.0.1 localhost\n'), 0);
  t.is(readFile('/etc/hosts'), '127.0.0.1 localhost\n');
  for (const name of ['passwd', 'net/', 'net/../x', '../etc/passwd', '', 'net/unknown']) {
    t.is(host.publishFile(name, 'x'), -22, name);
  }
  t.is(host.publishFile('hosts', 'x'.repeat(5 * 1024 * 1024)), -27);
  t.is(readFile('/etc/hosts'), '127.0.0.1 localhost\n');
});

test.serial('/proc/net', (t) => {
  t.is(readFile('/proc/net/tcp'), '');
  t.is(host.publishFile('net/tcp', '  sl  local_address\n'), 0);
  t.is(readFile('/proc/net/tcp'), '  sl  local_address\n');
  t.is(readFile('/proc/self/net/tcp'), '  sl  local_address\n');
  t.is(call('open', path('/proc/net/tcp'), 1, 0), 'EACCES');
});

test.serial('/proc/tty/runtime', (t) => {
  t.is(readFile('/proc/tty/runtime'), '');
  t.is(host.publishFile('tty/runtime', '{}'), 0);
  t.is(readFile('/proc/tty/runtime'), '{}');
  t.is(host.publishFile('tty/other', '{}'), -22);
});

test.serial('interfaces by ioctl(2), and if_inet6', (t) => {
  host.publishInterfaces(both);
  t.is((ask(0x8933, 'eth0') as Buffer).readInt32LE(16), 2); // SIOCGIFINDEX
  t.is((ask(0x8910, '', 1) as Buffer).toString('latin1', 0, 3), 'lo\0'); // SIOCGIFNAME
  t.is(ask(0x8933, 'eth7'), 'ENODEV');
  t.is(ask(0x8910, '', 9), 'ENODEV');
  t.is((ask(0x8913, 'eth0') as Buffer).readInt16LE(16), 0x1043);
  t.deepEqual([...(ask(0x8915, 'eth0') as Buffer).subarray(20, 24)], [10, 0, 2, 15]);
  t.deepEqual([...(ask(0x8919, 'eth0') as Buffer).subarray(20, 24)], [10, 0, 2, 255]);
  t.deepEqual([...(ask(0x891b, 'eth0') as Buffer).subarray(20, 24)], [255, 255, 255, 0]);
  t.deepEqual([...(ask(0x8927, 'eth0') as Buffer).subarray(16, 24)], [1, 0, 2, 0, 0, 0, 0, 2]);
  t.is((ask(0x8921, 'lo') as Buffer).readInt32LE(16), 1500);
  t.is(ask(0x8914, 'lo'), 'ENOTTY'); // changes are not offered
  t.is(
    readFile('/proc/net/if_inet6'),
    `${Buffer.from(loopbackV6).toString('hex')} 01 80 10 80       lo\n` +
      `${Buffer.from(linkLocal).toString('hex')} 02 40 20 80     eth0\n`,
  );
});

test.serial('SIOCGIFCONF', (t) => {
  const fd = must('socket', inet, datagram, 0);
  const list = Buffer.alloc(100);
  const argument = Buffer.alloc(16);
  argument.writeInt32LE(list.length, 0);
  argument.writeBigUInt64LE(host.address(list), 8);
  t.is(call('ioctl', fd, 0x8912, argument), 0);
  t.is(argument.readInt32LE(0), 80);
  t.is(list.toString('latin1', 0, 2), 'lo');
  t.deepEqual([...list.subarray(60, 64)], [10, 0, 2, 15]);
  must('close', fd);
});

test.serial('interfaces that make no sense are refused whole', (t) => {
  host.publishInterfaces(both);
  const long = Buffer.from(both);
  long.writeUInt32LE(3, abi.publishedInterface.addressCount);
  const wrong = Buffer.from(both);
  wrong.writeUInt16LE(33, abi.publishedInterface.size + abi.publishedAddress.prefixLength);
  for (const bytes of [
    both.subarray(0, both.length - 1),
    long,
    wrong,
    Buffer.concat([both, both]),
    published(0, 'zero', 0, 1, []),
    published(3, '', 0, 1, []),
  ]) {
    host.publishInterfaces(bytes);
    t.is((ask(0x8933, 'eth0') as Buffer).readInt32LE(16), 2);
  }
  host.publishInterfaces(Buffer.alloc(0));
  t.is(ask(0x8933, 'eth0'), 'ENODEV');
});
