// Options of Internet sockets: what they may be, what they say, and what the service hears of them.
// socket(7), tcp(7), ip(7), ipv6(7).
import test from 'ava';
import {
  abi,
  call,
  closeAndRelease,
  connected,
  datagram,
  getOption,
  host,
  inet,
  inet6,
  listening,
  loopback,
  must,
  nonBlocking,
  offer,
  Service,
  setOption,
  socketAddress,
  stream,
} from './kernel_broker/service.ts';

const service = new Service();
const { socketBlock: block } = abi;
const level = { ip: 0, socket: 1, tcp: 6, v6: 41 } as const;

/** The options that the service was told of since the last call, as texts. */
function told(): string[] {
  const from = service.asked.length;
  while (service.turn().length > 0);
  return service.asked
    .slice(from)
    .filter(({ operation }) => operation === abi.requestSetOption)
    .map(({ value0, value1, data }) => `${value0}/${value1}=${data.toString('hex')}`);
}

test.serial('numbers: first values, bounds, what the service hears', async (t) => {
  const { fd, id } = await connected(service, nonBlocking);
  const cases: [number, number, number, [number, number | string][]][] = [
    // level, option, first value, then [set, read back or the error]
    [level.socket, 2, 0, [[5, 1]]], // SO_REUSEADDR
    [level.socket, 9, 0, [[1, 1]]], // SO_KEEPALIVE
    [
      level.socket,
      12,
      0,
      [
        [6, 6],
        [7, 'EINVAL'],
      ],
    ], // SO_PRIORITY
    [level.tcp, 1, 0, [[2, 1]]], // TCP_NODELAY
    [
      level.tcp,
      4,
      7200,
      [
        [60, 60],
        [0, 'EINVAL'],
        [32768, 'EINVAL'],
      ],
    ], // TCP_KEEPIDLE
    [
      level.tcp,
      5,
      75,
      [
        [10, 10],
        [-1, 'EINVAL'],
      ],
    ], // TCP_KEEPINTVL
    [
      level.tcp,
      6,
      9,
      [
        [3, 3],
        [128, 'EINVAL'],
      ],
    ], // TCP_KEEPCNT
    [
      level.tcp,
      18,
      0,
      [
        [30000, 30000],
        [-1, 'EINVAL'],
      ],
    ], // TCP_USER_TIMEOUT
    [level.tcp, 3, 0, [[1, 1]]], // TCP_CORK
    [level.ip, 1, 0, [[0x10, 0x10]]], // IP_TOS
    [
      level.ip,
      2,
      64,
      [
        [9, 9],
        [-1, 64],
        [0, 'EINVAL'],
        [256, 'EINVAL'],
      ],
    ], // IP_TTL
    [
      level.ip,
      10,
      1,
      [
        [2, 2],
        [6, 'EINVAL'],
      ],
    ], // IP_MTU_DISCOVER
  ];
  for (const [of, option, first, steps] of cases) {
    const name = `${of}/${option}`;
    t.deepEqual(getOption(fd, of, option), [first], name);
    let now = first;
    for (const [value, outcome] of steps) {
      if (typeof outcome === 'string') {
        t.is(setOption(fd, of, option, value), outcome, name);
      } else {
        t.is(setOption(fd, of, option, value), 0, name);
        now = outcome;
      }
      t.deepEqual(getOption(fd, of, option), [now], name);
    }
  }
  t.deepEqual(told(), [
    '1/9=01000000',
    '6/1=01000000',
    '6/4=3c000000',
    '6/5=0a000000',
    '6/6=03000000',
    '6/18=30750000',
    '6/3=01000000',
    '0/1=10000000',
    '0/2=40000000',
    '0/10=02000000',
  ]);
  closeAndRelease(service, fd, id);
});

test.serial('options that are not there', (t) => {
  const fd = must('socket', inet, stream, 0);
  t.is(setOption(fd, level.tcp, 99, 1), 'ENOPROTOOPT');
  t.is(setOption(fd, level.v6, 26, 1), 'ENOPROTOOPT');
  t.is(setOption(fd, level.ip, 33, 1), 'ENOPROTOOPT'); // IP_MULTICAST_TTL
  t.is(setOption(fd, level.ip, 35, 0, 0), 'EPROTOTYPE');
  t.is(getOption(fd, level.ip, 14), 'ENOTCONN'); // IP_MTU
  t.is(getOption(fd, 77, 1), 'EOPNOTSUPP');
  t.is(setOption(fd, level.socket, 32, 1 << 20), 'EPERM'); // SO_SNDBUFFORCE
  t.is(setOption(fd, level.socket, 33, 1 << 20), 'EPERM');
  t.is(setOption(fd, level.socket, 30, 1), 'ENOPROTOOPT'); // SO_ACCEPTCONN
  t.is(call('setsockopt', fd, level.tcp, 1, new Int32Array(1), 3), 'EINVAL');
  t.is(call('setsockopt', fd, level.tcp, 1, 16, 4), 'EFAULT');
  must('close', fd);
  const udp = must('socket', inet, datagram, 0);
  t.is(setOption(udp, level.tcp, 1, 1), 'ENOPROTOOPT');
  must('close', udp);
});

test.serial('single bytes at level IP', (t) => {
  const fd = must('socket', inet, datagram, 0);
  t.is(call('setsockopt', fd, level.ip, 33, Buffer.from([7]), 1), 0);
  const value = Buffer.alloc(1);
  const size = new Int32Array([1]);
  t.is(call('getsockopt', fd, level.ip, 33, value, size), 0);
  t.deepEqual([value[0], size[0]], [7, 1]);
  t.deepEqual(told(), ['0/33=07000000']);
  closeAndRelease(service, fd, service.newest());
});

test.serial('buffers: doubled, told to the service, first values of TCP and UDP', async (t) => {
  const { fd, id } = await connected(service, nonBlocking);
  t.deepEqual(getOption(fd, level.socket, 7), [16384]);
  t.deepEqual(getOption(fd, level.socket, 8), [131072]);
  t.is(service.get(id, block.sendBuffer), 0);
  t.is(setOption(fd, level.socket, 7, 50000), 0);
  t.is(setOption(fd, level.socket, 8, 60000), 0);
  t.deepEqual(getOption(fd, level.socket, 7), [100000]);
  t.is(service.get(id, block.sendBuffer), 100000);
  t.is(service.get(id, block.receiveBuffer), 120000);
  t.deepEqual(service.turn(), [id]);
  closeAndRelease(service, fd, id);
  const udp = must('socket', inet, datagram, 0);
  t.deepEqual(getOption(udp, level.socket, 7), [212992]);
  must('close', udp);
});

test.serial('SO_LINGER and time limits are read back', (t) => {
  const fd = must('socket', inet, stream, 0);
  t.is(setOption(fd, level.socket, 13, 1, 7), 0);
  t.deepEqual(getOption(fd, level.socket, 13, 8), [1, 7]);
  t.is(call('setsockopt', fd, level.socket, 20, new BigUint64Array([2n, 500000n]), 16), 0);
  t.deepEqual(getOption(fd, level.socket, 20, 16), [2, 0, 500000, 0]);
  must('close', fd);
});

test.serial('what a connection takes over from its listener', async (t) => {
  const { fd, id } = await listening(service, nonBlocking);
  setOption(fd, level.socket, 9, 1);
  setOption(fd, level.socket, 13, 1, 3);
  setOption(fd, level.socket, 8, 40000);
  setOption(fd, level.tcp, 4, 33);
  told();
  const child = offer(service, id);
  const connection = must('accept4', fd, null, null, 0);
  t.deepEqual(getOption(connection, level.socket, 9), [1]);
  t.deepEqual(getOption(connection, level.socket, 13, 8), [1, 3]);
  t.deepEqual(getOption(connection, level.socket, 8), [80000]);
  t.deepEqual(getOption(connection, level.tcp, 4), [33]);
  t.is(service.get(child, block.receiveBuffer), 80000);
  t.deepEqual(told(), []); // the service does the same by itself
  setOption(connection, level.socket, 13, 0, 0);
  closeAndRelease(service, connection, child);
  closeAndRelease(service, fd, id);
});

test.serial('memberships are requests, as the app gave them', async (t) => {
  const fd = must('socket', inet, datagram, 0);
  const request = (of: number, option: number, data: Buffer) =>
    service.serve('setsockopt', fd, of, option, data, data.length);
  const short = Buffer.from([239, 1, 2, 3, 0, 0, 0, 0]);
  const long = Buffer.from([239, 1, 2, 3, 0, 0, 0, 0, 2, 0, 0, 0]);
  t.is(await request(level.ip, 35, short), 0);
  t.deepEqual(service.asked.at(-1)?.data, short);
  t.is(await request(level.ip, 35, long), 0);
  t.deepEqual(service.asked.at(-1)?.data, long);
  t.is(call('setsockopt', fd, level.ip, 35, short, 7), 'EINVAL');
  t.is(await request(level.ip, 39, long), 0);
  t.is(await request(level.ip, 42, Buffer.alloc(136, 1)), 0);
  t.is(await request(level.ip, 46, Buffer.alloc(264, 2)), 0);
  t.is(service.asked.at(-1)?.data.length, 264);
  t.is(await request(level.ip, 32, Buffer.from([10, 0, 2, 15])), 0);
  const { answer } = service;
  service.answer = () => 19;
  t.is(await request(level.ip, 35, short), 'ENODEV');
  service.answer = answer;
  closeAndRelease(service, fd, service.newest());
});

test.serial('IPv6: joins, hop limits', async (t) => {
  const fd = must('socket', inet6, datagram, 0);
  const join = Buffer.alloc(20);
  join.set([0xff, 2]);
  t.is(await service.serve('setsockopt', fd, level.v6, 20, join, 20), 0);
  t.is(setOption(fd, level.v6, 18, 5), 0);
  t.is(setOption(fd, level.v6, 18, 256), 'EINVAL');
  t.is(setOption(fd, level.v6, 16, -1), 0);
  t.deepEqual(getOption(fd, level.v6, 16), [64]);
  t.is(setOption(fd, level.ip, 2, 30), 0); // IPv4's as well: the socket speaks both
  t.is(setOption(fd, level.v6, 67, 8), 0);
  t.deepEqual(told(), ['41/18=05000000', '0/2=1e000000', '41/67=08000000']);
  closeAndRelease(service, fd, service.asked.at(-1)?.id as number);
});

test.serial('what only the service knows is asked of it', async (t) => {
  const { fd, id } = await connected(service);
  const { answer } = service;
  service.answer = ({ operation, value0, value1 }) => {
    if (operation !== abi.requestGetOption) return 0;
    if (value0 !== level.tcp || value1 !== 11) return 92;
    service.reply(id, 0, Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]));
    return undefined;
  };
  const value = Buffer.alloc(6);
  const size = new Int32Array([6]);
  t.is(await service.serve('getsockopt', fd, level.tcp, 11, value, size), 0);
  t.deepEqual([...value], [1, 2, 3, 4, 5, 6]);
  t.is(size[0], 6);
  t.is(
    await service.serve('getsockopt', fd, level.ip, 14, value, new Int32Array([4])),
    'ENOPROTOOPT',
  );
  service.answer = answer;
  t.is(await service.serve('setsockopt', fd, level.tcp, 13, Buffer.from('reno'), 4), 0);
  t.is(service.asked.at(-1)?.data.toString(), 'reno');
  closeAndRelease(service, fd, id);
});

test.serial('a request behind posted options keeps their order', async (t) => {
  const fd = must('socket', inet, stream, 0);
  setOption(fd, level.tcp, 1, 1);
  setOption(fd, level.tcp, 4, 5);
  const from = service.asked.length;
  t.is(await service.serve('bind', fd, loopback(0), 16), 0);
  setOption(fd, level.tcp, 5, 6);
  told();
  t.deepEqual(
    service.asked.slice(from).map(({ operation, value1 }) => [operation, value1]),
    [
      [abi.requestSetOption, 1],
      [abi.requestSetOption, 4],
      [abi.requestBind, 0],
      [abi.requestSetOption, 5],
    ],
  );
  t.is(call('bind', fd, socketAddress([1, 2, 3, 4], 5), 16), 'EINVAL');
  closeAndRelease(service, fd, service.newest());
  t.is(host.statistics().sockets, 0);
});
