// UDP and ICMP echo sockets as an app sees them: udp(7), ip(7), ipv6(7).
import test from 'ava';
import {
  abi,
  addressText,
  call,
  callAsync,
  closeAndRelease,
  datagram,
  getOption,
  host,
  inet,
  inet6,
  loopback,
  mapped,
  message,
  must,
  nameOf,
  nonBlocking,
  poll,
  readiness,
  Service,
  setOption,
  sleepers,
  socketAddress,
} from './kernel_broker/service.ts';

const service = new Service();
const { socketBlock: block, datagramRecord: record } = abi;
const everything = 0xffff;
const from = { address: mapped(10, 0, 2, 2), port: 53 };

/** A bound socket. */
async function bound(flags = nonBlocking, family = inet) {
  const fd = must('socket', family, datagram | flags, 0);
  const address = family === inet ? loopback(0) : socketAddress(new Array(16).fill(0), 0);
  const outcome = await service.serve('bind', fd, address, address.length);
  if (outcome !== 0) throw new Error(`bind: ${outcome}`);
  return { fd, id: service.newest() };
}

/** The records in a send ring, taken out. */
function records(id: number) {
  const found: { to: string; data: string; hopLimit: number; trafficClass: number; at: Buffer }[] =
    [];
  const ring = service.get(id, block.sendOffset);
  const capacity = service.get(id, block.sendCapacity);
  const head = service.get(id, block.sendHead);
  let tail = service.get(id, block.sendTail);
  while (tail !== head) {
    const place = tail & (capacity - 1);
    const length = service.bytes.readUInt32LE(ring + place);
    if (length === abi.datagramWrap) {
      tail += capacity - place;
      continue;
    }
    const at = service.bytes.subarray(ring + place, ring + place + record.size);
    const isV4 = at.readUInt16LE(record.remoteFamily) === inet;
    const address = at.subarray(record.remoteAddress, record.remoteAddress + 16);
    found.push({
      to:
        at.readUInt16LE(record.remoteFamily) === 0
          ? 'peer'
          : `${isV4 ? address.subarray(12).join('.') : address.toString('hex')}:${at.readUInt16LE(record.remoteFamily + 2)}`,
      data: service.bytes.toString(
        'latin1',
        ring + place + record.size,
        ring + place + record.size + length,
      ),
      hopLimit: at.readUInt32LE(record.hopLimit),
      trafficClass: at.readUInt32LE(record.trafficClass),
      at: Buffer.from(at),
    });
    tail += (record.size + length + 7) & ~7;
  }
  service.set(id, block.sendTail, tail);
  return found;
}

interface Received {
  readonly data: string;
  readonly from: string;
  readonly flags: number;
  readonly control: { level: number; type: number; data: Buffer }[];
}

function header(data: Buffer, name: Buffer | null, control: Buffer): [Buffer, Buffer] {
  const vector = Buffer.alloc(16);
  if (data.length > 0) vector.writeBigUInt64LE(host.address(data), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const bytes = Buffer.alloc(56);
  if (name) {
    bytes.writeBigUInt64LE(host.address(name), 0);
    bytes.writeUInt32LE(name.length, 8);
  }
  bytes.writeBigUInt64LE(host.address(vector), 16);
  bytes.writeBigUInt64LE(1n, 24);
  if (control.length > 0) {
    bytes.writeBigUInt64LE(host.address(control), 32);
    bytes.writeBigUInt64LE(BigInt(control.length), 40);
  }
  return [bytes, vector];
}

function receiveMessage(fd: number, size = 2048, flags = 0, controlSize = 512): Received | string {
  const data = Buffer.alloc(size);
  const name = Buffer.alloc(128);
  const control = Buffer.alloc(controlSize);
  const kept = header(data, name, control);
  const outcome = call('recvmsg', fd, kept[0], flags);
  if (typeof outcome === 'string') return outcome;
  const messages: Received['control'] = [];
  const used = Number(kept[0].readBigUInt64LE(40));
  for (let at = 0; at + 16 <= used; ) {
    const length = Number(control.readBigUInt64LE(at));
    messages.push({
      level: control.readInt32LE(at + 8),
      type: control.readInt32LE(at + 12),
      data: Buffer.from(control.subarray(at + 16, at + length)),
    });
    at += (length + 7) & ~7;
  }
  return {
    data: data.toString('latin1', 0, Math.min(outcome, size)),
    from: addressText(name.subarray(0, kept[0].readUInt32LE(8))),
    flags: kept[0].readInt32LE(48),
    control: messages,
  };
}

function controlMessage(level: number, type: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(16 + ((data.length + 7) & ~7));
  bytes.writeBigUInt64LE(BigInt(16 + data.length), 0);
  bytes.writeInt32LE(level, 8);
  bytes.writeInt32LE(type, 12);
  data.copy(bytes, 16);
  return bytes;
}

const sendTo = (fd: number, data: string | Buffer, to: Buffer | null) => {
  const bytes = Buffer.from(data);
  return call('sendto', fd, bytes, bytes.length, 0, to, to?.length ?? 0);
};

test.serial('a fresh socket', (t) => {
  const fd = must('socket', inet, datagram | nonBlocking, 0);
  t.deepEqual(getOption(fd, 1, 38), [17]);
  t.is(readiness(fd, everything), poll.out | poll.band);
  t.is(sendTo(fd, 'x', null), 'EDESTADDRREQ');
  t.is(nameOf('getpeername', fd), 'ENOTCONN');
  t.is(call('shutdown', fd, 0), 'ENOTCONN');
  t.is(call('listen', fd, 1), 'EOPNOTSUPP');
  t.is(call('accept4', fd, null, null, 0), 'EOPNOTSUPP');
  must('close', fd);
  t.is(host.statistics().sockets, 0);
});

test.serial('sending binds the socket, once', async (t) => {
  const fd = must('socket', inet, datagram | nonBlocking, 0);
  const to = socketAddress([10, 0, 2, 3], 53);
  t.is(await service.serve('sendto', fd, Buffer.from('query'), 5, 0, to, 16), 5);
  const id = service.newest();
  t.is(service.asked.at(-1)?.operation, abi.requestAutobind);
  t.regex(nameOf('getsockname', fd), /^0\.0\.0\.0:4\d{4}$/);
  t.is(sendTo(fd, 'another', to), 7);
  t.deepEqual(
    records(id).map(({ to, data }) => [to, data]),
    [
      ['10.0.2.3:53', 'query'],
      ['10.0.2.3:53', 'another'],
    ],
  );
  t.is(call('bind', fd, loopback(0), 16), 'EINVAL');
  closeAndRelease(service, fd, id);
});

test.serial('a destination that the service has no route to', async (t) => {
  const fd = must('socket', inet, datagram | nonBlocking, 0);
  const { answer } = service;
  service.answer = () => 101;
  const to = socketAddress([10, 0, 2, 3], 53);
  t.is(await service.serve('sendto', fd, Buffer.from('query'), 5, 0, to, 16), 'ENETUNREACH');
  service.answer = answer;
  closeAndRelease(service, fd, service.newest());
});

test.serial('what send refuses', async (t) => {
  const { fd, id } = await bound();
  t.is(sendTo(fd, 'x', socketAddress([10, 0, 2, 3], 0)), 'EINVAL');
  t.is(sendTo(fd, 'x', socketAddress([255, 255, 255, 255], 9)), 'EACCES');
  t.is(setOption(fd, 1, 6, 1), 0); // SO_BROADCAST
  t.is(sendTo(fd, 'x', socketAddress([255, 255, 255, 255], 9)), 1);
  t.is(sendTo(fd, Buffer.alloc(65508), loopback(9)), 'EMSGSIZE');
  t.is(sendTo(fd, Buffer.alloc(70000), loopback(9)), 'EMSGSIZE');
  t.is(sendTo(fd, 'x', socketAddress(new Array(16).fill(1), 9)), 'EAFNOSUPPORT');
  t.is(call('sendto', fd, 16, 1, 0, loopback(9), 16), 'EFAULT');
  t.is(records(id).length, 1);
  t.is(sendTo(fd, '', loopback(9)), 0);
  t.deepEqual(
    records(id).map(({ data }) => data),
    [''],
  );
  t.is(sendTo(fd, Buffer.alloc(65507, 'z'), loopback(9)), 65507);
  t.is(records(id)[0]?.data.length, 65507);
  closeAndRelease(service, fd, id);
});

test.serial('a ring that is full: EAGAIN, waiting, readiness; records that wrap', async (t) => {
  const { fd, id } = await bound();
  const data = Buffer.alloc(1000, 'd');
  let count = 0;
  while (sendTo(fd, data, loopback(9)) === 1000) count += 1;
  t.is(sendTo(fd, data, loopback(9)), 'EAGAIN');
  t.true(count >= 14);
  t.is(readiness(fd, everything), 0);
  t.is(records(id).length, count);
  service.push(id);
  t.is(readiness(fd, everything), poll.out | poll.band);
  for (let round = 0; round < 100; round++) {
    const text = String(round).repeat(1 + (round % 37) * 20);
    t.is(sendTo(fd, text, loopback(9)), text.length);
    t.deepEqual(
      records(id).map(({ data }) => data),
      [text],
    );
  }
  closeAndRelease(service, fd, id);
  const blocking = await bound(0);
  for (let index = 0; index < count; index++) sendTo(blocking.fd, data, loopback(9));
  const done = callAsync('sendto', blocking.fd, data, 1000, 0, loopback(9), 16);
  await sleepers(1);
  t.is(records(blocking.id).length, count);
  service.push(blocking.id);
  t.is(await done, 1000);
  closeAndRelease(service, blocking.fd, blocking.id);
});

test.serial('receiving: sender, size, truncation, peek, zero bytes', async (t) => {
  const { fd, id } = await bound();
  t.is(receiveMessage(fd), 'EAGAIN');
  service.deliverDatagram(id, 'hello', from);
  service.deliverDatagram(id, 'long one', from);
  service.deliverDatagram(id, '', from);
  t.is(readiness(fd, everything), poll.in | poll.out | poll.band);
  const count = new Int32Array(1);
  must('ioctl', fd, 0x541b, count);
  t.is(count[0], 5);
  const peeked = receiveMessage(fd, 100, message.peek) as Received;
  t.is(peeked.data, 'hello');
  const first = receiveMessage(fd) as Received;
  t.deepEqual([first.data, first.from, first.flags], ['hello', '10.0.2.2:53', 0]);
  const cut = receiveMessage(fd, 4) as Received;
  t.deepEqual([cut.data, cut.flags & message.truncated], ['long', message.truncated]);
  t.is((receiveMessage(fd) as Received).data, '');
  service.deliverDatagram(id, '12345678', from);
  t.is(call('recvfrom', fd, Buffer.alloc(3), 3, message.truncated, null, null), 8);
  t.is(receiveMessage(fd), 'EAGAIN');
  closeAndRelease(service, fd, id);
});

test.serial('datagrams that wrap around the ring', async (t) => {
  const { fd, id } = await bound();
  for (let round = 0; round < 200; round++) {
    const text = String(round % 10).repeat(round * 11);
    service.deliverDatagram(id, text, from);
    t.is((receiveMessage(fd, 4096) as Received).data, text);
  }
  t.is(host.statistics().badIndices, 0);
  closeAndRelease(service, fd, id);
});

test.serial('blocking receive; recvmmsg; SO_RCVTIMEO', async (t) => {
  const { fd, id } = await bound(0);
  const buffer = Buffer.alloc(100);
  let done = callAsync('recvfrom', fd, buffer, 100, 0, null, null);
  await sleepers(1);
  service.deliverDatagram(id, 'ping', from);
  t.is(await done, 4);
  const parts = [Buffer.alloc(10), Buffer.alloc(10)];
  const kept = parts.map((part) => header(part, null, Buffer.alloc(0)));
  const messages = Buffer.alloc(128);
  kept[0]?.[0].copy(messages, 0);
  kept[1]?.[0].copy(messages, 64);
  service.deliverDatagram(id, 'one', from);
  service.deliverDatagram(id, 'three', from);
  t.is(call('recvmmsg', fd, messages, 2, 0, null), 2);
  t.deepEqual([messages.readUInt32LE(56), messages.readUInt32LE(120)], [3, 5]);
  must('setsockopt', fd, 1, 20, new BigUint64Array([1n, 0n]), 16);
  done = callAsync('recvfrom', fd, buffer, 100, 0, null, null);
  await sleepers(1);
  host.advance(2e9);
  t.is(await done, 'EAGAIN');
  closeAndRelease(service, fd, id);
});

test.serial('connect, send and write to the peer, errors of ICMP, disconnect', async (t) => {
  const fd = must('socket', inet, datagram | nonBlocking, 0);
  const peer = socketAddress([10, 0, 2, 3], 53);
  t.is(await service.serve('connect', fd, peer, 16), 0);
  const id = service.newest();
  t.is(nameOf('getpeername', fd), '10.0.2.3:53');
  t.is(call('write', fd, Buffer.from('abc'), 3), 3);
  t.is(sendTo(fd, 'other', loopback(9)), 5);
  t.deepEqual(
    records(id).map(({ to }) => to),
    ['peer', '127.0.0.1:9'],
  );
  service.set(id, block.error, 111);
  service.push(id);
  t.truthy(readiness(fd, everything) & poll.error);
  t.is(receiveMessage(fd), 'ECONNREFUSED');
  t.is(receiveMessage(fd), 'EAGAIN');
  service.set(id, block.error, 111);
  t.is(call('write', fd, Buffer.from('abc'), 3), 'ECONNREFUSED');
  t.is(call('write', fd, Buffer.from('abc'), 3), 3);
  const nobody = Buffer.alloc(16);
  t.is(await service.serve('connect', fd, nobody, 16), 0);
  t.is(nameOf('getpeername', fd), 'ENOTCONN');
  t.is(sendTo(fd, 'x', null), 'EDESTADDRREQ');
  closeAndRelease(service, fd, id);
});

test.serial('shutdown of a connected socket', async (t) => {
  const fd = must('socket', inet, datagram, 0);
  const peer = socketAddress([10, 0, 2, 3], 53);
  t.is(await service.serve('connect', fd, peer, 16), 0);
  const id = service.newest();
  const done = callAsync('recvfrom', fd, Buffer.alloc(10), 10, 0, null, null);
  await sleepers(1);
  must('shutdown', fd, 2);
  t.is(await done, 0);
  t.is(call('sendto', fd, Buffer.from('x'), 1, message.noSignal, null, 0), 'EPIPE');
  const bits = readiness(fd, everything);
  t.is(bits, poll.in | poll.out | poll.band | poll.hangUp | poll.readHangUp);
  closeAndRelease(service, fd, id);
});

test.serial('control messages of IPv4', async (t) => {
  const { fd, id } = await bound();
  for (const option of [8, 12, 13]) t.is(setOption(fd, 0, option, 1), 0);
  service.deliverDatagram(id, 'x', { ...from, local: mapped(10, 0, 2, 15) });
  const received = receiveMessage(fd) as Received;
  t.deepEqual(
    received.control.map(({ level, type, data }) => [level, type, data.toString('hex')]),
    [
      [0, 8, '01000000' + '0a00020f' + '0a00020f'],
      [0, 2, '3d000000'],
      [0, 1, '08'],
    ],
  );
  service.deliverDatagram(id, 'x', from);
  const cut = receiveMessage(fd, 10, 0, 20) as Received;
  t.truthy(cut.flags & 8); // MSG_CTRUNC
  const info = Buffer.from('020000000a00020f00000000', 'hex');
  const control = Buffer.concat([
    controlMessage(0, 8, info),
    controlMessage(0, 2, Buffer.from([9, 0, 0, 0])),
    controlMessage(0, 1, Buffer.from([0x10, 0, 0, 0])),
  ]);
  const data = Buffer.from('out');
  const to = loopback(9);
  const kept = header(data, to, control);
  t.is(call('sendmsg', fd, kept[0], 0), 3);
  const [sent] = records(id);
  t.deepEqual([sent?.hopLimit, sent?.trafficClass], [9, 16]);
  t.is(sent?.at.readUInt32LE(record.interfaceIndex), 2);
  t.is(
    sent?.at.toString('hex', record.localAddress, record.localAddress + 16),
    Buffer.from(mapped(10, 0, 2, 15)).toString('hex'),
  );
  const wrong = header(data, to, controlMessage(0, 2, Buffer.from([0, 1, 0, 0])));
  t.is(call('sendmsg', fd, wrong[0], 0), 'EINVAL');
  closeAndRelease(service, fd, id);
});

test.serial('IPv6: dual stack, scopes, control messages', async (t) => {
  const { fd, id } = await bound(nonBlocking, inet6);
  const linkLocal = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
  t.is(sendTo(fd, 'six', socketAddress(linkLocal, 9, 2)), 3);
  t.is(sendTo(fd, 'four', loopback(9)), 4);
  t.is(sendTo(fd, 'mapped', socketAddress(mapped(10, 0, 2, 2), 9)), 6);
  t.deepEqual(
    records(id).map(({ to, data, at }) => [to, data, at.readUInt32LE(record.remoteFamily + 4)]),
    [
      [`${Buffer.from(linkLocal).toString('hex')}:9`, 'six', 2],
      ['127.0.0.1:9', 'four', 0],
      ['10.0.2.2:9', 'mapped', 0],
    ],
  );
  for (const option of [49, 51, 66]) t.is(setOption(fd, 41, option, 1), 0);
  service.deliverDatagram(id, 'x', { address: linkLocal, port: 7, local: linkLocal });
  const received = receiveMessage(fd) as Received;
  t.is(received.from, `[${Buffer.from(linkLocal).toString('hex')}%0]:7`);
  t.deepEqual(
    received.control.map(({ level, type, data }) => [level, type, data.toString('hex')]),
    [
      [41, 50, `${Buffer.from(linkLocal).toString('hex')}01000000`],
      [41, 52, '3d000000'],
      [41, 67, '08000000'],
    ],
  );
  closeAndRelease(service, fd, id);
});

test.serial('IPV6_V6ONLY keeps IPv4 out', async (t) => {
  const fd = must('socket', inet6, datagram | nonBlocking, 0);
  t.is(setOption(fd, 41, 26, 1), 0);
  t.is(sendTo(fd, 'x', loopback(9)), 'ENETUNREACH');
  t.is(call('connect', fd, loopback(9), 16), 'ENETUNREACH');
  must('close', fd);
});

test.serial('ICMP echo sockets', async (t) => {
  const fd = must('socket', inet, datagram | nonBlocking, 1);
  t.is(sendTo(fd, 'short', loopback(0)), 'EINVAL');
  const echo = Buffer.from([8, 0, 0, 0, 0, 0, 0, 1, 65]);
  t.is(await service.serve('sendto', fd, echo, 9, 0, loopback(0), 16), 9);
  const id = service.newest();
  t.is(service.get(id, block.kind), abi.socketPing);
  t.is(records(id)[0]?.data.length, 9);
  closeAndRelease(service, fd, id);
});

test.serial('nothing is left behind', (t) => {
  service.turn();
  const { sockets, badCalls, badIndices } = host.statistics();
  t.deepEqual({ sockets, badCalls, badIndices }, { sockets: 0, badCalls: 0, badIndices: 0 });
});
