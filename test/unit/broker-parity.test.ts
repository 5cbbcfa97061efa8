// Internet sockets over loopback, on our kernel with the real network stack and on Linux.
import { createHash } from 'node:crypto';
import { type Inet, parity } from './kernel_broker/parity.ts';

const loopback4 = [127, 0, 0, 1];
const loopback6 = [...new Array<number>(15).fill(0), 1];
const any6 = new Array<number>(16).fill(0);
const any4 = [0, 0, 0, 0];
const [input, output] = [1, 4];
const [stream, datagram] = [1, 2];

for (const [family, address] of [
  ['IPv4', loopback4],
  ['IPv6', loopback6],
] as const) {
  parity(`${family}: a connection from listen to close`, (inet) => {
    const number = address.length === 4 ? 2 : 10;
    const listener = inet.socket(number, stream);
    inet.note('fresh', inet.poll(listener));
    inet.note('name', inet.nameOf('getsockname', listener));
    inet.note('bind', inet.bind(listener, address));
    inet.note('bind again', inet.bind(listener, address));
    inet.note('bound', inet.poll(listener));
    inet.note('name', inet.nameOf('getsockname', listener));
    inet.note('listen', inet.call('listen', listener, 5));
    inet.note('listen again', inet.call('listen', listener, 7));
    inet.note('listening', inet.poll(listener));
    inet.note('nobody', inet.call('accept4', listener, null, null, 0));
    inet.note('connect a listener', inet.connect(listener, address, 1));
    const client = inet.socket(number, stream);
    inet.note('connect', inet.connect(client, address, inet.portOf(listener)));
    inet.note('acceptable', inet.wait(listener, input));
    const peer = Buffer.alloc(128);
    const size = new Int32Array([128]);
    const server = inet.must('accept4', listener, peer, size, 0o4000);
    inet.note('peer', inet.named(peer.subarray(0, size[0])));
    inet.note('connected', inet.wait(client, output));
    inet.note('SO_ERROR', inet.option(client, 1, 4));
    inet.note('connect again', inet.connect(client, address, inet.portOf(listener)));
    inet.note('and again', inet.connect(client, address, inet.portOf(listener)));
    for (const fd of [client, server]) {
      inet.note('name', inet.nameOf('getsockname', fd));
      inet.note('peer', inet.nameOf('getpeername', fd));
      inet.note('empty', inet.read(fd));
    }
    inet.note('write', inet.write(client, 'hello'));
    inet.note('readable', inet.wait(server, input));
    inet.note('peek', inet.read(server, 3, 2));
    inet.note('read', inet.read(server));
    inet.note('write', inet.write(server, 'world'));
    inet.wait(client, input);
    inet.note('read', inet.read(client));
    inet.note('shutdown', inet.call('shutdown', client, 1));
    inet.note('half closed', inet.poll(client));
    inet.note('write', inet.write(client, 'x'));
    inet.note('end', inet.wait(server, input));
    inet.note('read', inet.read(server));
    inet.note('last words', inet.write(server, 'bye'));
    inet.wait(client, input);
    inet.note('read', inet.read(client));
    inet.close(server);
    inet.wait(client, 0x2000);
    inet.note('closed', inet.wait(client, 0x10));
    inet.note('read', inet.read(client));
    inet.note('peer', inet.nameOf('getpeername', client));
    inet.note('shutdown', inet.call('shutdown', client, 1));
    inet.close(client, listener);
  });
}

parity('a port where nobody listens', (inet) => {
  const probe = inet.socket(2, stream);
  inet.bind(probe, loopback4);
  const port = inet.portOf(probe);
  const fd = inet.socket(2, stream);
  inet.note('connect', inet.connect(fd, loopback4, port));
  inet.note('refused', inet.wait(fd, output));
  inet.note('SO_ERROR', inet.option(fd, 1, 4));
  inet.note('SO_ERROR', inet.option(fd, 1, 4));
  inet.note('afterwards', inet.poll(fd));
  inet.note('write', inet.write(fd, 'x'));
  inet.note('read', inet.read(fd));
  inet.note('connect', inet.connect(fd, loopback4, port));
  inet.note('fresh again', inet.poll(fd) & ~0x2001);
  const other = inet.socket(2, stream);
  inet.connect(other, loopback4, port);
  inet.wait(other, output);
  inet.note('read tells', inet.read(other));
  inet.note('read', inet.read(other));
  inet.close(fd, other, probe);
});

parity('resets: unread bytes, SO_LINGER with 0, writing to who is gone', (inet) => {
  let { client, server } = inet.pair();
  inet.write(client, 'never read');
  inet.wait(server, input);
  inet.close(server);
  inet.note('reset', inet.wait(client, 0x10));
  inet.note('read', inet.read(client));
  inet.note('read', inet.read(client));
  inet.note('write', inet.write(client, 'x'));
  inet.close(client);

  ({ client, server } = inet.pair());
  inet.note('linger', inet.setOption(server, 1, 13, 1, 0));
  inet.close(server);
  inet.note('reset', inet.wait(client, 0x10));
  inet.note('write', inet.write(client, 'x'));
  inet.note('write', inet.write(client, 'x'));
  inet.close(client);

  ({ client, server } = inet.pair());
  inet.close(server);
  inet.note('end', inet.wait(client, 0x2000));
  inet.note('write', inet.write(client, 'x'));
  inet.note('reset', inet.wait(client, 0x10));
  inet.note('write', inet.write(client, 'x'));
  inet.note('read', inet.read(client));
  inet.close(client);
});

parity('shutdown of reading, and of both', (inet) => {
  const { client, server } = inet.pair();
  inet.note('shutdown', inet.call('shutdown', client, 0));
  inet.note('bits', inet.poll(client));
  inet.note('read', inet.read(client));
  inet.note('shutdown', inet.call('shutdown', client, 2));
  inet.note('bits', inet.wait(client, 0x10));
  inet.note('wrong', inet.call('shutdown', client, 3));
  inet.wait(server, 0x2000);
  inet.note('the other end', inet.poll(server));
  inet.close(client, server);
});

parity('ports that are taken', (inet) => {
  const first = inet.socket(2, stream);
  inet.setOption(first, 1, 2, 1);
  inet.note('bind', inet.bind(first, loopback4));
  const port = inet.portOf(first);
  const second = inet.socket(2, stream);
  inet.note('taken', inet.bind(second, loopback4, port));
  inet.note('wildcard', inet.bind(second, any4, port));
  inet.note('not ours', inet.bind(second, [192, 0, 2, 1], port));
  inet.setOption(second, 1, 2, 1);
  inet.note('both reuse', inet.bind(second, loopback4, port));
  inet.must('listen', second, 1);
  const third = inet.socket(2, stream);
  inet.setOption(third, 1, 2, 1);
  inet.note('listened to', inet.bind(third, loopback4, port));
  inet.note('IPv4 only', inet.bind(third, loopback6));
  const six = inet.socket(10, stream);
  inet.note('other family', inet.bind(six, loopback4));
  inet.note('v6 only', inet.setOption(six, 41, 26, 1));
  inet.note('beside IPv4', inet.bind(six, any6, port));
  inet.note('too late', inet.setOption(six, 41, 26, 0));
  inet.close(first, second, third, six);
});

parity('dual stack', (inet) => {
  const listener = inet.listen(any6);
  inet.note('name', inet.nameOf('getsockname', listener.fd));
  const client = inet.socket(2, stream);
  inet.connect(client, loopback4, listener.port);
  inet.wait(listener.fd, input);
  const server = inet.must('accept4', listener.fd, null, null, 0);
  inet.note('server', inet.nameOf('getsockname', server));
  inet.note('client', inet.nameOf('getpeername', server));
  const second = inet.socket(10, stream);
  const mapped = [...new Array<number>(10).fill(0), 0xff, 0xff, ...loopback4];
  inet.connect(second, mapped, listener.port);
  inet.wait(second, output);
  inet.note('mapped', inet.nameOf('getpeername', second));
  inet.note('its own', inet.nameOf('getsockname', second));
  inet.close(listener.fd, client, server, second);
});

parity('connecting to the wildcard address means loopback', (inet) => {
  const listener = inet.listen(any4);
  const client = inet.socket(2, stream);
  inet.connect(client, any4, listener.port);
  inet.wait(client, output);
  inet.note('peer', inet.nameOf('getpeername', client));
  inet.close(listener.fd, client);
});

parity('16 MiB in both directions', (inet, t) => {
  const { client, server } = inet.pair();
  const total = 16 << 20;
  const chunk = Buffer.alloc(128 << 10);
  for (let index = 0; index < chunk.length; index++) chunk[index] = (index * 31) ^ (index >> 8);
  const into = Buffer.alloc(256 << 10);
  const flows = [
    {
      from: client,
      to: server,
      sent: 0,
      received: 0,
      out: createHash('sha1'),
      in: createHash('sha1'),
    },
    {
      from: server,
      to: client,
      sent: 0,
      received: 0,
      out: createHash('sha1'),
      in: createHash('sha1'),
    },
  ];
  while (flows.some(({ received }) => received < total)) {
    let moved = false;
    for (const flow of flows) {
      if (flow.sent < total) {
        const size = Math.min(chunk.length, total - flow.sent);
        const outcome = inet.call('sendto', flow.from, chunk, size, 0, null, 0);
        if (typeof outcome === 'number') {
          flow.out.update(chunk.subarray(0, outcome));
          flow.sent += outcome;
          moved = true;
        } else if (outcome !== 'EAGAIN') throw new Error(outcome);
      }
      const outcome = inet.call('recvfrom', flow.to, into, into.length, 0, null, null);
      if (typeof outcome === 'number') {
        flow.in.update(into.subarray(0, outcome));
        flow.received += outcome;
        moved = true;
      } else if (outcome !== 'EAGAIN') throw new Error(outcome);
    }
    if (!moved) {
      inet.waitForAny(
        flows.flatMap(({ from, to, sent, received }): [number, number][] => [
          [from, sent < total ? output : 0],
          [to, received < total ? input : 0],
        ]),
      );
    }
  }
  for (const flow of flows) t.is(flow.in.digest('hex'), flow.out.digest('hex'));
  inet.note(
    'received',
    flows.map(({ received }) => received),
  );
  inet.close(client, server);
});

parity('first values of options', (inet) => {
  const numbers: [number, number[]][] = [
    [1, [2, 3, 4, 5, 6, 9, 10, 11, 12, 15, 18, 19, 30, 38, 39]],
    [6, [1, 3, 4, 5, 6, 7, 8, 9, 12, 18]],
    [0, [1, 2, 8, 10, 11, 12, 13, 15, 33, 34, 49]],
    [41, [16, 18, 19, 23, 25, 26, 49, 51, 66, 67]],
  ];
  for (const family of [2, 10]) {
    for (const type of [stream, datagram]) {
      const fd = inet.socket(family, type);
      for (const [level, options] of numbers) {
        for (const option of options) {
          if (type === stream && level === 0 && option === 33) continue; // differs between kernels
          if (type === stream && level === 41 && option === 18) continue;
          if (family === 10 && level === 0 && option === 49) continue;
          inet.note(`${family} ${type} ${level}/${option}`, inet.option(fd, level, option));
        }
      }
      inet.close(fd);
    }
  }
});

parity('options: what is refused', (inet) => {
  const cases: [number, number, number[]][] = [
    [6, 4, [0, 1, 32767, 32768]],
    [6, 5, [0, 32768]],
    [6, 6, [0, 127, 128]],
    [6, 18, [-1, 5]],
    [0, 2, [0, 255, 256, -1]],
    [0, 10, [5, 6, -1]],
    [1, 12, [6]],
    [6, 99, [1]],
  ];
  const fd = inet.socket(2, stream);
  for (const [level, option, values] of cases) {
    for (const value of values) {
      inet.note(`${level}/${option}=${value}`, inet.setOption(fd, level, option, value));
      inet.note('reads', inet.option(fd, level, option));
    }
  }
  inet.close(fd);
});

const sendTo = (inet: Inet, fd: number, data: string, bytes: readonly number[], port: number) => {
  const payload = Buffer.from(data);
  const address = inet.address(bytes, port);
  return inet.call('sendto', fd, payload, payload.length, 0x4000, address, address.length);
};

parity('datagrams', (inet) => {
  const server = inet.socket(2, datagram);
  inet.note('fresh', inet.poll(server));
  inet.note('bind', inet.bind(server, loopback4));
  const port = inet.portOf(server);
  const client = inet.socket(2, datagram);
  inet.note('nowhere', inet.write(client, 'x'));
  inet.note('port 0', sendTo(inet, client, 'x', loopback4, 0));
  inet.note('send', sendTo(inet, client, 'one', loopback4, port));
  inet.note('bound', inet.nameOf('getsockname', client).replace(/:.*/, ''));
  inet.note('empty one', sendTo(inet, client, '', loopback4, port));
  inet.note('third', sendTo(inet, client, 'three', loopback4, port));
  inet.note('readable', inet.wait(server, input));
  const from = Buffer.alloc(128);
  const size = new Int32Array([128]);
  const buffer = Buffer.alloc(10);
  inet.note('receive', inet.call('recvfrom', server, buffer, 10, 0, from, size));
  inet.note('from', inet.named(from.subarray(0, size[0])) !== '');
  inet.wait(server, input);
  inet.note('empty', inet.read(server));
  inet.wait(server, input);
  inet.note('cut', inet.read(server, 2));
  inet.note('nothing left', inet.read(server));
  inet.note('connect', inet.connect(server, loopback4, from.readUInt16BE(2)));
  inet.note('write', inet.write(server, 'back'));
  inet.wait(client, input);
  inet.note('read', inet.read(client));
  inet.note('too long', inet.write(server, Buffer.alloc(65508)));
  inet.note('longest', inet.write(server, Buffer.alloc(65507)));
  inet.wait(client, input);
  inet.note('size', inet.call('recvfrom', client, buffer, 10, 0x20, null, null));
  inet.close(client);
  inet.note('to nobody', inet.write(server, 'x'));
  inet.note('refused', inet.wait(server, 8));
  inet.note('once', inet.write(server, 'y'));
  inet.note('shutdown', inet.call('shutdown', server, 0));
  inet.close(server);
});

parity('connected datagram sockets hear from their peer only', (inet) => {
  const [a, b, c] = [0, 1, 2].map(() => inet.socket(2, datagram)) as [number, number, number];
  for (const fd of [b, c]) inet.bind(fd, loopback4);
  // A port of the system's choice would be given back by the disconnect.
  const probe = inet.socket(2, datagram);
  inet.bind(probe, loopback4);
  const port = inet.portOf(probe);
  inet.close(probe);
  inet.bind(a, loopback4, port);
  inet.connect(a, loopback4, inet.portOf(b));
  sendTo(inet, c, 'stranger', loopback4, inet.portOf(a));
  sendTo(inet, b, 'friend', loopback4, inet.portOf(a));
  inet.wait(a, input);
  inet.note('read', inet.read(a));
  inet.note('read', inet.read(a));
  const nobody = Buffer.alloc(16);
  inet.note('disconnect', inet.call('connect', a, nobody, 16));
  inet.note('peer', inet.nameOf('getpeername', a));
  sendTo(inet, c, 'stranger', loopback4, inet.portOf(a));
  inet.wait(a, input);
  inet.note('read', inet.read(a));
  inet.close(a, b, c);
});
