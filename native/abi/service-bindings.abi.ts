/**
 * The bindings of bare isolates for drivers and the network service: see service.abi.ts for what
 * stands behind them. Part of bindings.abi.ts.
 */
import {
  type Argument,
  argument,
  type Binding,
  type BindingGroup,
  binding,
  bindingGroup,
} from './declare.ts';
import {
  arenaBlock,
  framebuffer,
  messageInterrupt,
  pciBar,
  pciFunction,
  platformDevice,
} from './service.abi.ts';

const wordMost = 0xffffffff;
/** Sums up to here are exact in a double. */
const sumMost = Number.MAX_SAFE_INTEGER;

/** An argument that is any unsigned 32-bit number. */
const word = (name: string, doc: string, most: number = wordMost): Argument =>
  argument(name, { kind: 'integer', type: 'u32', least: 0, most }, doc);

/** A binding of all bare isolates, those that others have started among them. */
const bare = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system', 'bare'], ...description });

/** A binding of the bare isolates that have the machine's devices. */
const system = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system'], ...description });

const nothing = { kind: 'nothing' } as const;
const index = word('index', 'Index of the function in the list of functions.');
const bar = word('bar', 'Which base address register.', 5);
const width = word('width', 'Bytes: 1, 2 or 4.', 4);
const interrupt = word('id', "The interrupt's id.", 63);
const socket = word('socket', "The socket's id.");
const platformPort = word('port', 'Which of its ports.');
const platformIndex = word('index', 'Index in the list of platform devices.');

const random = bindingGroup('random', "The kernel's random generator.", [
  bare({
    name: 'fill',
    doc: 'Fills an array with random bytes, fit for keys.',
    calls: { kernel: 'random_fill' },
    arguments: [argument('into', { kind: 'bytes' }, 'Where they go.')],
    returns: nothing,
  }),
  system({
    name: 'addEntropy',
    doc: 'Mixes bytes into the generator. They never make it worse.',
    calls: { kernel: 'random_add_entropy' },
    arguments: [argument('bytes', { kind: 'source' }, 'What to mix in.')],
    returns: nothing,
  }),
]);

const second = 1_000_000_000;

/** The part of the clock group that corrects it. */
export const clockBindings: readonly Binding[] = [
  system({
    name: 'adjust',
    doc:
      'Corrects the wall clock: by a step at once, or by and by at 500 parts per million, which replaces what is left ' +
      'of an earlier correction. The monotonic clock takes part in the latter only.',
    calls: { kernel: 'clock_adjust' },
    arguments: [
      word('isStep', '1 for a step, 0 for a slow correction.', 1),
      argument(
        'seconds',
        { kind: 'integer', type: 'i32', least: -0x80000000, most: 0x7fffffff },
        'By how much, whole seconds.',
      ),
      argument(
        'nanoseconds',
        { kind: 'integer', type: 'i32', least: 1 - second, most: second - 1 },
        'And nanoseconds, of the same sign.',
      ),
    ],
    returns: nothing,
  }),
];

const loop = bindingGroup('loop', "The isolate's event loop.", [
  bare({
    name: 'onTurn',
    doc:
      'Names the function that runs once in each turn of the loop, after timers and microtasks; the last call ' +
      'counts. The function returns until when the isolate may sleep unless something happens, in microseconds ' +
      'on clock.now(): Infinity for as long as it likes, a time that has come to go on at once.',
    calls: { host: 'OnTurn' },
    arguments: [argument('turn', { kind: 'callback', type: '() => number' }, 'The function.')],
    returns: nothing,
  }),
  bare({
    name: 'again',
    doc:
      'Makes the loop turn once more before the isolate sleeps: for code that runs outside a turn, in a microtask ' +
      'say, and has moved the time that the last turn returned.',
    calls: { host: 'TurnAgain' },
    arguments: [],
    returns: nothing,
    fast: true,
  }),
]);

const copyArguments = [
  word('to', 'Offset of the destination.'),
  word('from', 'Offset of the source.'),
  word('length', 'Bytes.'),
];
const checksumArguments = [
  word('offset', 'Offset of the first byte, which is the high one of a 16-bit word.'),
  word('length', 'Bytes; an odd last one is padded with zero.'),
  argument(
    'sum',
    { kind: 'number', least: 0, most: sumMost },
    'What to add to: 0, or an earlier result. A whole number.',
  ),
];
const checksumResult = {
  kind: 'scalar',
  type: 'u32',
  shown: 'number',
  doc: 'the sum folded to 16 bits, not complemented',
} as const;

const arena = bindingGroup(
  'arena',
  'The memory that kernel, drivers and network stack share. Needs broker.attach() first.',
  [
    system({
      name: 'copy',
      doc: 'Copies bytes within the arena; the ranges may overlap.',
      calls: { host: 'CopyInArena' },
      arguments: copyArguments,
      returns: nothing,
      fast: true,
    }),
    system({
      name: 'checksum',
      doc: 'Adds bytes of the arena to an Internet checksum (RFC 1071).',
      calls: { host: 'ChecksumInArena' },
      arguments: checksumArguments,
      returns: checksumResult,
      fast: true,
    }),
    system({
      name: 'allocate',
      doc: 'Takes zeroed, page-aligned memory. Throws when there is none.',
      calls: { kernel: 'arena_allocate' },
      arguments: [
        word('size', 'Bytes, rounded up to pages.'),
        word('contiguous', '1: contiguous for devices, 0: only in the arena.', 1),
        argument('into', { kind: 'fill', structure: arenaBlock }, 'What was taken.'),
      ],
      returns: { kind: 'checked', gives: 'filled' },
    }),
    system({
      name: 'free',
      doc: 'Gives a block back.',
      calls: { kernel: 'arena_free' },
      arguments: [word('offset', "The block's offset.")],
      returns: nothing,
    }),
  ],
);

const broker = bindingGroup('broker', "The kernel's side of sockets.", [
  system({
    name: 'attach',
    doc: 'Tells the kernel that the network service starts. Later calls give the same buffer.',
    calls: { host: 'AttachBroker' },
    arguments: [],
    returns: { kind: 'memory', doc: 'the arena' },
  }),
  system({
    name: 'notify',
    doc: "Makes the kernel look at its attention list, and wake threads whose sockets' state changed.",
    calls: { kernel: 'broker_notify' },
    arguments: [],
    returns: { kind: 'scalar', type: 'u32', shown: 'number', doc: 'how many sockets it looked at' },
    fast: true,
  }),
  system({
    name: 'accept',
    doc: 'Makes the socket of a connection that a listener got.',
    calls: { kernel: 'broker_accept' },
    arguments: [word('listener', "The listener's id.")],
    returns: {
      kind: 'scalar',
      type: 'i32',
      shown: 'number',
      doc: "the socket's id, or -errno: ENOMEM, EINVAL",
    },
    fast: true,
  }),
  system({
    name: 'resize',
    doc: "Gives a socket's ring another capacity and moves its content there.",
    calls: { kernel: 'broker_resize' },
    arguments: [
      socket,
      word('direction', '0 the send ring, 1 the receive ring.', 1),
      word('capacity', 'Bytes, a power of two, or 0 to free the ring.'),
    ],
    returns: {
      kind: 'scalar',
      type: 'i32',
      shown: 'number',
      doc: '0, or -errno: ENOMEM, EINVAL',
    },
    fast: true,
  }),
  system({
    name: 'release',
    doc: 'Says that the service is done with a socket that the app has closed.',
    calls: { kernel: 'broker_release' },
    arguments: [socket],
    returns: nothing,
    fast: true,
  }),
  system({
    name: 'publishInterfaces',
    doc: 'Says which interfaces and addresses there are.',
    calls: { kernel: 'broker_publish_interfaces' },
    arguments: [
      argument(
        'bytes',
        { kind: 'source' },
        'publishedInterface structures, each followed by its publishedAddress ones.',
      ),
    ],
    returns: nothing,
  }),
  system({
    name: 'publishFile',
    doc: 'Gives a generated file its content.',
    calls: { kernel: 'broker_publish_file' },
    arguments: [
      argument(
        'name',
        { kind: 'text' },
        'Which one: "resolv.conf", "hosts", "net/tcp", "net/dev"…',
      ),
      argument('text', { kind: 'text' }, 'The whole content.'),
    ],
    returns: {
      kind: 'scalar',
      type: 'i32',
      shown: 'number',
      doc: '0, or -errno: ENOENT, ENOMEM',
    },
  }),
]);

const device = bindingGroup('device', 'PCI functions, platform devices and their interrupts.', [
  system({
    name: 'functionCount',
    doc: 'Searches the PCI buses, once, and counts the functions that answer.',
    calls: { kernel: 'pci_function_count' },
    arguments: [],
    returns: { kind: 'scalar', type: 'u32', shown: 'number', doc: 'how many there are' },
  }),
  system({
    name: 'functionAt',
    doc: 'Tells where a function is.',
    calls: { kernel: 'pci_function_at' },
    arguments: [
      index,
      argument('into', { kind: 'fill', structure: pciFunction }, 'Where the answer goes.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'read',
    doc: 'Reads configuration space.',
    calls: { kernel: 'pci_read' },
    arguments: [index, word('offset', 'Its offset, a multiple of width.', 4095), width],
    returns: {
      kind: 'scalar',
      type: 'u32',
      shown: 'number',
      doc: 'the value, all ones where nothing answers',
    },
  }),
  system({
    name: 'write',
    doc: 'Writes configuration space. Throws for registers that place the function: see pci_write.',
    calls: { kernel: 'pci_write' },
    arguments: [
      index,
      word('offset', 'Its offset, a multiple of width.', 4095),
      width,
      word('value', 'What to write.'),
    ],
    returns: { kind: 'checked', gives: 'nothing' },
  }),
  system({
    name: 'bar',
    doc: 'Describes a base address register.',
    calls: { kernel: 'pci_bar' },
    arguments: [
      index,
      bar,
      argument('into', { kind: 'fill', structure: pciBar }, 'Where the answer goes.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'mapBar',
    doc: 'Maps the registers behind a base address register.',
    calls: { kernel: 'pci_map' },
    arguments: [index, bar],
    returns: { kind: 'memory', doc: 'the registers' },
  }),
  system({
    name: 'readPort',
    doc: 'Reads a register in I/O port space.',
    calls: { kernel: 'pci_port_read' },
    arguments: [index, bar, word('offset', 'From its start.'), width],
    returns: {
      kind: 'scalar',
      type: 'u32',
      shown: 'number',
      doc: 'the value, all ones outside the range',
    },
    fast: true,
  }),
  system({
    name: 'writePort',
    doc: 'Writes a register in I/O port space.',
    calls: { kernel: 'pci_port_write' },
    arguments: [
      index,
      bar,
      word('offset', 'From its start.'),
      width,
      word('value', 'What to write.'),
    ],
    returns: { kind: 'checked', gives: 'nothing' },
    fast: true,
  }),
  system({
    name: 'openMessageInterrupt',
    doc: 'Makes an interrupt that a function raises by a message (MSI or MSI-X).',
    calls: { kernel: 'interrupt_open_message' },
    arguments: [
      index,
      argument('into', { kind: 'fill', structure: messageInterrupt }, 'What the device needs.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'openLineInterrupt',
    doc: "Opens a function's interrupt line.",
    calls: { kernel: 'interrupt_open_line' },
    arguments: [index],
    returns: { kind: 'checked', gives: 'number', doc: "the interrupt's id" },
  }),
  system({
    name: 'acknowledgeInterrupt',
    doc: 'Lets a line interrupt again.',
    calls: { kernel: 'interrupt_acknowledge' },
    arguments: [interrupt],
    returns: nothing,
    fast: true,
  }),
  system({
    name: 'releaseInterrupt',
    doc: 'Gives an interrupt back.',
    calls: { kernel: 'interrupt_release' },
    arguments: [interrupt],
    returns: nothing,
  }),
  system({
    name: 'platformCount',
    doc: 'Counts the devices that the platform describes itself.',
    calls: { kernel: 'platform_device_count' },
    arguments: [],
    returns: { kind: 'scalar', type: 'u32', shown: 'number', doc: 'how many there are' },
  }),
  system({
    name: 'platformAt',
    doc: 'Describes a platform device.',
    calls: { kernel: 'platform_device_at' },
    arguments: [
      platformIndex,
      argument('into', { kind: 'fill', structure: platformDevice }, 'Where the answer goes.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'mapPlatform',
    doc: "Maps a platform device's memory.",
    calls: { kernel: 'platform_device_map' },
    arguments: [platformIndex],
    returns: { kind: 'memory', doc: 'the memory' },
  }),
  system({
    name: 'openPlatformInterrupt',
    doc: "Opens a platform device's interrupt line.",
    calls: { kernel: 'platform_device_interrupt' },
    arguments: [platformIndex],
    returns: { kind: 'checked', gives: 'number', doc: "the interrupt's id" },
  }),
  system({
    name: 'platformPorts',
    doc: 'Counts the byte-wide I/O ports of a platform device.',
    calls: { kernel: 'platform_device_ports' },
    arguments: [platformIndex],
    returns: { kind: 'scalar', type: 'u32', shown: 'number', doc: 'how many it has' },
  }),
  system({
    name: 'readPlatformPort',
    doc: 'Reads an I/O port of a platform device.',
    calls: { kernel: 'platform_port_read' },
    arguments: [platformIndex, platformPort],
    returns: {
      kind: 'scalar',
      type: 'u32',
      shown: 'number',
      doc: 'the byte, all ones when there is no such port',
    },
    fast: true,
  }),
  system({
    name: 'writePlatformPort',
    doc: 'Writes an I/O port of a platform device.',
    calls: { kernel: 'platform_port_write' },
    arguments: [platformIndex, platformPort, word('value', 'The byte.', 255)],
    returns: { kind: 'checked', gives: 'nothing' },
    fast: true,
  }),
  system({
    name: 'framebuffer',
    doc: 'Tells how a framebuffer is laid out.',
    calls: { kernel: 'platform_framebuffer' },
    arguments: [
      platformIndex,
      argument('into', { kind: 'fill', structure: framebuffer }, 'Where the answer goes.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'font',
    doc: "Gives the font for framebuffers, in the format of Linux's console (PSF). It may not be written to.",
    calls: { kernel: 'screen_font' },
    arguments: [],
    returns: { kind: 'memory', doc: 'the font' },
  }),
]);

/** What answers for an isolate that was given one device: bindings of `device`, by name. */
const grantedCalls: Readonly<Record<string, string>> = {
  functionCount: 'GrantedCount',
  functionAt: 'GrantedAt',
  read: 'ReadGranted',
  write: 'WriteGranted',
  bar: 'GrantedBar',
  mapBar: 'MapGranted',
  readPort: 'ReadGrantedPort',
  writePort: 'WriteGrantedPort',
  openMessageInterrupt: 'OpenGrantedMessage',
  openLineInterrupt: 'OpenGrantedLine',
  acknowledgeInterrupt: 'AcknowledgeGranted',
  releaseInterrupt: 'ReleaseGranted',
  platformCount: 'GrantedPlatformCount',
  platformAt: 'GrantedPlatformAt',
  mapPlatform: 'MapGrantedPlatform',
  openPlatformInterrupt: 'OpenGrantedPlatformLine',
  platformPorts: 'GrantedPlatformPorts',
  readPlatformPort: 'ReadGrantedPlatformPort',
  writePlatformPort: 'WriteGrantedPlatformPort',
  framebuffer: 'GrantedFramebuffer',
  font: 'GrantedFont',
};

/** A binding of isolates that others have started. */
const spawned = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['bare'], ...description });

const grant = bindingGroup(
  'grant',
  'The device that this isolate was given, if any: function 0, or platform device 0, is its only one, and its ' +
    'interrupts have numbers of this isolate alone. What it was not given is not there.',
  [
    ...device.bindings.flatMap(({ isolates, calls, ...rest }) => {
      const host = grantedCalls[rest.name];
      return host === undefined ? [] : [spawned({ ...rest, calls: { host } })];
    }),
    spawned({
      name: 'interruptCount',
      doc: 'Tells how often an interrupt came; the count begins anywhere, and wraps. Throws when it is not open.',
      calls: { host: 'CountGranted' },
      arguments: [interrupt],
      returns: { kind: 'scalar', type: 'u32', shown: 'number', doc: 'the count' },
      fast: true,
    }),
    spawned({
      name: 'memory',
      doc:
        'Gives the memory that this isolate shares with the device, and with who has started it. Of a keyboard ' +
        'controller the host notes there what is read from its data port: see RUNTIME_KEYBOARD_NOTES_OFFSET.',
      calls: { host: 'GrantedMemory' },
      arguments: [],
      returns: { kind: 'memory', doc: 'all of it' },
    }),
    spawned({
      name: 'memoryPlace',
      doc: 'Tells where the device sees that memory. Offsets begin with it.',
      calls: { host: 'GrantedPlace' },
      arguments: [
        argument('into', { kind: 'fill', structure: arenaBlock }, 'Where the answer goes.'),
      ],
      returns: { kind: 'checked', gives: 'filled' },
    }),
    spawned({
      name: 'copy',
      doc: 'Copies bytes within that memory; the ranges may overlap.',
      calls: { host: 'CopyInArena' },
      arguments: copyArguments,
      returns: nothing,
      fast: true,
    }),
    spawned({
      name: 'checksum',
      doc: 'Adds bytes of that memory to an Internet checksum (RFC 1071).',
      calls: { host: 'ChecksumInArena' },
      arguments: checksumArguments,
      returns: checksumResult,
      fast: true,
    }),
  ],
);

export const serviceBindingGroups: readonly BindingGroup[] = [
  random,
  loop,
  arena,
  broker,
  device,
  grant,
];
