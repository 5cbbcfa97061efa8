/**
 * The memory that the kernel's broker and the network service share, called the arena: where things lie in
 * it and who writes what. `npm run generate` makes offsets for TypeScript and structures for C++ of it.
 *
 * The arena begins with the shared page, then comes the table of socket blocks; rings, packets and
 * other DMA memory follow, allocated by the kernel. All of it is mapped as it is needed.
 *
 * Attention. Each side has a list of sockets that the other should look at: blocks linked through
 * `..._next`, with the newest socket's id in the shared page (0: empty). To push: set the block's
 * `..._queued` from 0 to 1 (it was 1: done, it is in the list), then link it with compare-and-swap.
 * To take: exchange the list's head with 0, then for each block read `..._next`, and only then store
 * 0 to `..._queued` and look at what changed. Lists come newest first. All with sequentially
 * consistent atomics.
 *
 * Requests. A thread that wants something of the service (bind, connect, an option) fills the
 * block's request fields, increments request_sequence and pushes the socket; the service answers by
 * the reply fields and then reply_sequence = request_sequence. A block has one request at a time.
 *
 * Rings hold bytes (streams) or records (datagrams, struct datagram_record, each followed by its
 * payload and padded to 8 bytes; a record never wraps: where it does not fit before the ring's end, one
 * word 0xffffffff says that it is at the ring's start). Indices count modulo 2^32.
 */
import { constant, type SharedLayout, shared, sharedLayout } from './declare.ts';

const address = (prefix: string, whose: string) => [
  shared(`${prefix}_family`, 'u16', `${whose}: AF_INET 2, AF_INET6 10, 0 none.`),
  shared(`${prefix}_port`, 'u16', 'Its port, host byte order.'),
  shared(`${prefix}_scope`, 'u32', 'Its scope: interface index for link-local addresses, else 0.'),
  shared(
    `${prefix}_address`,
    16,
    'Its 16 bytes in network order; IPv4 in the IPv4-mapped form ::ffff:a.b.c.d.',
  ),
];

export const socketBlock: SharedLayout = sharedLayout(
  'RuntimeSocketBlock',
  'What kernel and service know of one socket. Its id is its place in the table; 0 is never used.',
  512,
  [
    // Written by the kernel.
    shared(
      'kind',
      'u32',
      'RUNTIME_SOCKET_STREAM or RUNTIME_SOCKET_DATAGRAM; 0 while the block is free.',
    ),
    shared('family', 'u32', 'AF_INET 2 or AF_INET6 10.'),
    shared('kernel_flags', 'u32', 'RUNTIME_KERNEL_FLAG_*.'),
    shared('service_queued', 'u32', "In the service's attention list."),
    shared('service_next', 'u32', "Next in the service's attention list."),
    shared('send_head', 'u32', 'Bytes ever put into the send ring.'),
    shared('receive_tail', 'u32', 'Bytes ever taken from the receive ring.'),
    shared(
      'accept_taken',
      'u32',
      'Connections of a listener that were accepted or dropped by the kernel.',
    ),
    shared('request_sequence', 'u32', 'Number of the last request.'),
    shared('request_operation', 'u32', 'RUNTIME_REQUEST_*.'),
    shared('request_value0', 'u32', 'Meaning depends on the operation.'),
    shared('request_value1', 'u32', 'Meaning depends on the operation.'),
    shared('request_length', 'u32', 'Bytes in use of request_data.'),
    ...address('request', 'Address argument'),
    // Rings: changed by the kernel only, within broker_resize or, for the first send ring, before send_head moves.
    shared('send_offset', 'u32', "The send ring's place in the arena."),
    shared('send_capacity', 'u32', 'Its size, a power of two, or 0.'),
    shared('receive_offset', 'u32', "The receive ring's place in the arena."),
    shared('receive_capacity', 'u32', 'Its size, a power of two, or 0.'),
    shared(
      'send_buffer',
      'u32',
      'SO_SNDBUF as the app set it (doubled, as Linux does); 0: the service tunes send_limit.',
    ),
    shared('receive_buffer', 'u32', 'SO_RCVBUF likewise.'),
    // Written by the service.
    shared('service_flags', 'u32', 'RUNTIME_SERVICE_FLAG_*.'),
    shared('kernel_queued', 'u32', "In the kernel's attention list."),
    shared('kernel_next', 'u32', "Next in the kernel's attention list."),
    shared('send_tail', 'u32', 'Bytes ever taken from the send ring.'),
    shared('receive_head', 'u32', 'Bytes ever put into the receive ring.'),
    shared(
      'send_limit',
      'u32',
      'The kernel takes data for sending while the ring holds fewer bytes than this.',
    ),
    shared(
      'receive_notify',
      'u32',
      'Not 0: push attention once receive_tail has reached receive_notify_at; the kernel then sets 0.',
    ),
    shared('receive_notify_at', 'u32', 'See receive_notify.'),
    shared('accept_offered', 'u32', 'Connections that the service has offered to a listener.'),
    shared(
      'error',
      'u32',
      'Pending error (SO_ERROR), a Linux errno; whoever reports it exchanges it with 0.',
    ),
    shared('reply_sequence', 'u32', 'The last request that was answered.'),
    shared('reply_error', 'u32', 'Its outcome: 0 or a Linux errno.'),
    shared('reply_value', 'u32', 'Its result.'),
    shared('reply_length', 'u32', 'Bytes of its result in request_data.'),
    shared('listener', 'u32', 'Listener that an accepted socket came from, else 0.'),
    ...address('local', 'Local address, set before the reply or attention that makes it so'),
    ...address('peer', 'Peer address'),
    shared('request_data', 272, "Option values, both ways (struct as in Linux's setsockopt(2))."),
  ],
);

export const sharedPage: SharedLayout = sharedLayout(
  'RuntimeSharedPage',
  'The start of the arena.',
  4096,
  [
    shared('service_attention', 'u32', 'Newest socket that the service should look at.'),
    shared(
      'service_awake',
      'u32',
      'The service runs and will look at its list before it waits: no doorbell needed.',
    ),
    shared('kernel_attention', 'u32', 'Newest socket that the kernel should look at.'),
    shared('epoch', 'u32', 'Counts the lives of the service.'),
    shared(
      'interrupt_counts',
      256,
      'u32 for each interrupt id 0 to 63: how often it came, modulo 2^32.',
    ),
  ],
);

export const datagramRecord: SharedLayout = sharedLayout(
  'RuntimeDatagramRecord',
  'Header of a datagram in a ring: the destination when sending, the source when receiving.',
  64,
  [
    shared('length', 'u32', 'Bytes of payload that follow.'),
    shared('flags', 'u32', 'RUNTIME_DATAGRAM_*.'),
    ...address('remote', 'Remote address; family 0: where the socket is connected to'),
    shared(
      'local_address',
      16,
      'Received: the address that it was sent to. Sending: the source from a control message, zero for none.',
    ),
    shared(
      'interface_index',
      'u32',
      'Received: the interface. Sending: the one to use, 0 for any.',
    ),
    shared('hop_limit', 'u32', 'TTL or hop limit; sending: 0 for the default.'),
    shared('traffic_class', 'u32', 'TOS or traffic class; sending: 0xffffffff for the default.'),
  ],
);

export const publishedInterface: SharedLayout = sharedLayout(
  'RuntimePublishedInterface',
  'An interface in what the service publishes for netlink and /proc: followed by its addresses.',
  64,
  [
    shared('index', 'u32', 'From 1 on.'),
    shared('flags', 'u32', 'IFF_*, netdevice(7).'),
    shared('mtu', 'u32', 'Bytes.'),
    shared('hardware_type', 'u32', 'ARPHRD_*.'),
    shared('hardware_address', 8, '6 bytes, padded.'),
    shared('name', 16, 'NUL-terminated.'),
    shared('address_count', 'u32', 'How many struct published_address follow.'),
  ],
);

export const publishedAddress: SharedLayout = sharedLayout(
  'RuntimePublishedAddress',
  'An address of an interface.',
  24,
  [
    shared('family', 'u16', 'AF_INET 2 or AF_INET6 10.'),
    shared('prefix_length', 'u16', 'Bits.'),
    shared('scope', 'u32', 'RT_SCOPE_*, rtnetlink(7).'),
    shared('address', 16, 'Network order; IPv4 in the first 4 bytes.'),
  ],
);

export const brokerLayouts: readonly SharedLayout[] = [
  sharedPage,
  socketBlock,
  datagramRecord,
  publishedInterface,
  publishedAddress,
];

export const brokerConstants = [
  constant('RUNTIME_ARENA_SIZE', 'u32', 0x40000000, 'Bytes of address space in the arena.'),
  constant('RUNTIME_SOCKET_TABLE_OFFSET', 'u32', 0x1000, 'Where the blocks begin in the arena.'),
  constant('RUNTIME_SOCKET_MAXIMUM', 'u32', 65536, 'Blocks in the table.'),
  constant(
    'RUNTIME_ARENA_HEAP_OFFSET',
    'u32',
    0x4000000,
    'Where rings and DMA memory begin in the arena.',
  ),
  constant('RUNTIME_SOCKET_STREAM', 'u32', 1, 'TCP.'),
  constant('RUNTIME_SOCKET_DATAGRAM', 'u32', 2, 'UDP.'),
  constant(
    'RUNTIME_SOCKET_PING',
    'u32',
    3,
    'ICMP echo (SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6): rings of datagram records.',
  ),
  constant('RUNTIME_SOCKET_RAW', 'u32', 4, 'Not offered yet.'),
  constant(
    'RUNTIME_KERNEL_FLAG_CLOSED',
    'u32',
    1,
    'The last descriptor is closed: send what is in the ring, end the connection, then broker.release().',
  ),
  constant(
    'RUNTIME_KERNEL_FLAG_SEND_SHUTDOWN',
    'u32',
    2,
    'Nothing follows what is in the send ring: FIN after it.',
  ),
  constant(
    'RUNTIME_KERNEL_FLAG_RECEIVE_SHUTDOWN',
    'u32',
    4,
    'The app wants no more data (shutdown SHUT_RD).',
  ),
  constant(
    'RUNTIME_KERNEL_FLAG_WANTS_SPACE',
    'u32',
    8,
    'Somebody waits for space in the send ring: push attention when a third of send_limit is free.',
  ),
  constant(
    'RUNTIME_KERNEL_FLAG_RESET',
    'u32',
    16,
    'With CLOSED: drop everything and send a RST (SO_LINGER with 0).',
  ),
  constant(
    'RUNTIME_SERVICE_FLAG_CONNECTED',
    'u32',
    1,
    'The connection is established (or the datagram socket has a peer).',
  ),
  constant(
    'RUNTIME_SERVICE_FLAG_RECEIVE_END',
    'u32',
    2,
    'Nothing follows what is in the receive ring: FIN came.',
  ),
  constant('RUNTIME_SERVICE_FLAG_SEND_CLOSED', 'u32', 4, 'Nothing can be sent any more (EPIPE).'),
  constant('RUNTIME_SERVICE_FLAG_LISTENING', 'u32', 8, 'The socket accepts connections.'),
  constant('RUNTIME_SERVICE_FLAG_CONNECTING', 'u32', 16, 'connect was begun and is not over.'),
  constant(
    'RUNTIME_SERVICE_FLAG_GONE',
    'u32',
    32,
    'The connection is over and its error, if any, is in `error`; with CLOSED all is sent and acknowledged (SO_LINGER may return).',
  ),
  constant('RUNTIME_REQUEST_BIND', 'u32', 1, 'To request_address. value0: RUNTIME_BIND_*.'),
  constant(
    'RUNTIME_REQUEST_CONNECT',
    'u32',
    2,
    "To request_address (family 0: take a datagram socket's peer away). The reply says that it began or failed at once; then CONNECTED or `error`.",
  ),
  constant(
    'RUNTIME_REQUEST_LISTEN',
    'u32',
    3,
    'value0: backlog. Binds to an ephemeral port if need be. Again: changes the backlog.',
  ),
  constant(
    'RUNTIME_REQUEST_SET_OPTION',
    'u32',
    4,
    'value0: level, value1: option, request_data: value, all as in Linux.',
  ),
  constant(
    'RUNTIME_REQUEST_GET_OPTION',
    'u32',
    5,
    'value0: level, value1: option; the value comes in request_data, reply_length bytes.',
  ),
  constant(
    'RUNTIME_REQUEST_AUTOBIND',
    'u32',
    6,
    'Binds a datagram socket to an ephemeral port of the wildcard address, and answers ENETUNREACH and the like for sending to request_address.',
  ),
  constant('RUNTIME_BIND_REUSE_ADDRESS', 'u32', 1, 'SO_REUSEADDR.'),
  constant('RUNTIME_BIND_REUSE_PORT', 'u32', 2, 'SO_REUSEPORT.'),
  constant('RUNTIME_BIND_V6_ONLY', 'u32', 4, 'IPV6_V6ONLY.'),
  constant(
    'RUNTIME_DATAGRAM_WRAP',
    'u32',
    0xffffffff,
    "In the place of a length: the record is at the ring's start.",
  ),
  constant('RUNTIME_DATAGRAM_TRUNCATED', 'u32', 1, 'Flag of a record: more came than was kept.'),
  constant('RUNTIME_DIRECTION_SEND', 'u32', 0, 'broker_resize: the send ring.'),
  constant('RUNTIME_DIRECTION_RECEIVE', 'u32', 1, 'broker_resize: the receive ring.'),
];
