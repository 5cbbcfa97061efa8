/**
 * The part of the kernel interface that serves drivers and the network service: devices,
 * interrupts, the arena, the broker, random numbers. Spread into kernel.abi.ts.
 *
 * Nothing here takes an address: a PCI function is named by its index in the kernel's list, memory
 * of the arena by its offset, an interrupt by its id. All but random_fill, random_add_entropy and
 * broker_no_service are for the one thread of the system isolate; what names a PCI function or an
 * interrupt is also for the thread of an isolate that the function was given to.
 */
import {
  constant,
  field,
  type KernelFunction,
  kernelFunction,
  memoryRange,
  parameter,
  structure,
} from './declare.ts';

export const pciFunction = structure('RuntimePciFunction', 'Where a PCI function is.', [
  field('segment', 'u32', 'Segment group.'),
  field('bus', 'u32', 'Bus, 0 to 255.'),
  field('device', 'u32', 'Device, 0 to 31.'),
  field('function', 'u32', 'Function, 0 to 7.'),
]);

export const pciBar = structure('RuntimePciBar', 'What is behind a base address register.', [
  field('kind', 'u32', 'RUNTIME_BAR_*.'),
  field('size', 'u64', 'Bytes.'),
]);

export const messageInterrupt = structure(
  'RuntimeMessageInterrupt',
  'An interrupt that a device raises by writing to memory.',
  [
    field('id', 'u32', 'Its id.'),
    field('data', 'u32', 'What the device writes.'),
    field('address', 'u64', 'Where it writes.'),
  ],
);

export const platformDevice = structure(
  'RuntimePlatformDevice',
  'A device that is not on a bus which can be searched.',
  [field('kind', 'u32', 'RUNTIME_PLATFORM_DEVICE_*.'), field('size', 'u64', 'Bytes of memory.')],
);

export const framebuffer = structure('RuntimeFramebuffer', 'How a framebuffer is laid out.', [
  field('width', 'u32', 'Pixels in a line.'),
  field('height', 'u32', 'Lines.'),
  field('pitch', 'u32', 'Bytes from one line to the next.'),
  field('bits_per_pixel', 'u32', '15, 16, 24 or 32.'),
  field('red_position', 'u32', 'The lowest bit of red in a pixel.'),
  field('red_size', 'u32', 'Bits of red, at most 8.'),
  field('green_position', 'u32', 'The lowest bit of green.'),
  field('green_size', 'u32', 'Bits of green.'),
  field('blue_position', 'u32', 'The lowest bit of blue.'),
  field('blue_size', 'u32', 'Bits of blue.'),
]);

export const arenaBlock = structure('RuntimeArenaBlock', 'Memory taken from the arena.', [
  field('offset', 'u64', 'Its place in the arena.'),
  field('size', 'u64', 'Bytes, a multiple of the page size.'),
  field('physical', 'u64', 'Where devices see it; 0 when it is not contiguous for them.'),
]);

export const serviceStructures = [
  memoryRange,
  pciFunction,
  pciBar,
  messageInterrupt,
  platformDevice,
  framebuffer,
  arenaBlock,
];

export const serviceConstants = [
  constant(
    'RUNTIME_EVENT_BROKER',
    'u32',
    2,
    "Bit of the isolate host's event word: the service's attention list is not empty.",
  ),
  constant(
    'RUNTIME_EVENT_INTERRUPT',
    'u32',
    4,
    "Bit of the isolate host's event word: a count in the shared page's interrupt_counts moved.",
  ),
  constant('RUNTIME_BAR_NONE', 'u32', 0, 'The base address register is not in use.'),
  constant('RUNTIME_BAR_MEMORY', 'u32', 1, 'Registers in memory.'),
  constant('RUNTIME_BAR_PORTS', 'u32', 2, 'Registers in I/O port space.'),
  constant('RUNTIME_PLATFORM_DEVICE_VIRTIO_MMIO', 'u32', 1, 'virtio 1.2, 4.2: virtio over MMIO.'),
  constant(
    'RUNTIME_PLATFORM_DEVICE_TEXT_SCREEN',
    'u32',
    2,
    'VGA text: 80 by 25 cells of two bytes in memory; ports: index and data of the CRT controller.',
  ),
  constant(
    'RUNTIME_PLATFORM_DEVICE_KEYBOARD_CONTROLLER',
    'u32',
    3,
    'The 8042; ports: data, then status and command. Its interrupt is the keyboard.',
  ),
  constant(
    'RUNTIME_PLATFORM_DEVICE_FRAMEBUFFER',
    'u32',
    4,
    'Pixels in memory, set up by the boot loader: see platform_framebuffer.',
  ),
  constant('RUNTIME_INTERRUPT_MAXIMUM', 'u32', 64, 'Interrupts that can be open at once.'),
];

const functionIndex = parameter('function', 'u32', "Index in the kernel's list of functions.");
const barIndex = parameter('bar', 'u32', 'Which base address register, 0 to 5.');
const width = parameter('width', 'u32', 'Bytes: 1, 2 or 4.');
const eventWord = parameter('word', 'u32', "The event word's number.");
const outcome = '0, or -errno';

export const serviceFunctions: readonly KernelFunction[] = [
  kernelFunction({
    name: 'random_fill',
    doc: "Fills memory from the kernel's generator, the one behind getrandom(2).",
    parameters: [
      parameter('into', 'bytes-out', 'Where the bytes go.'),
      parameter('length', 'size', 'How many.'),
    ],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'random_add_entropy',
    doc: "Mixes bytes into the kernel's generator. They never make it worse.",
    parameters: [
      parameter('bytes', 'bytes-in', 'What to mix in.'),
      parameter('length', 'size', 'How many.'),
    ],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'pci_function_count',
    doc: 'Searches the PCI buses, once, and counts the functions that answer.',
    parameters: [],
    returns: 'u32',
    returnsDoc: 'how many there are, 0 without PCI',
  }),
  kernelFunction({
    name: 'pci_function_at',
    doc: 'Tells where a PCI function is.',
    parameters: [functionIndex, parameter('into', pciFunction, 'Where the answer goes.')],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV`,
  }),
  kernelFunction({
    name: 'pci_read',
    doc: 'Reads configuration space.',
    parameters: [
      functionIndex,
      parameter('offset', 'u32', 'Offset in configuration space, a multiple of width.'),
      width,
    ],
    returns: 'u32',
    returnsDoc: 'the value, all ones where nothing answers',
  }),
  kernelFunction({
    name: 'pci_write',
    doc:
      'Writes configuration space. Refused are registers by which a function would answer somewhere else than the ' +
      "kernel has placed it: base addresses, the expansion ROM's, and a bridge's bus numbers and windows.",
    parameters: [
      functionIndex,
      parameter('offset', 'u32', 'Offset in configuration space, a multiple of width.'),
      width,
      parameter('value', 'u32', 'What to write.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV, EINVAL, EPERM`,
  }),
  kernelFunction({
    name: 'pci_bar',
    doc: 'Describes a base address register. The upper half of a 64-bit one counts as not in use.',
    parameters: [functionIndex, barIndex, parameter('into', pciBar, 'Where the answer goes.')],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV, EINVAL`,
  }),
  kernelFunction({
    name: 'pci_map',
    doc: 'Maps the registers behind a base address register, uncached. They stay mapped.',
    parameters: [functionIndex, barIndex, parameter('into', memoryRange, 'Where they are.')],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV, EINVAL, ENXIO when it is not memory or has no address, ENOMEM`,
  }),
  kernelFunction({
    name: 'pci_port_read',
    doc: 'Reads a register in I/O port space.',
    parameters: [functionIndex, barIndex, parameter('offset', 'u32', 'From its start.'), width],
    returns: 'u32',
    returnsDoc: 'the value, all ones outside the range',
  }),
  kernelFunction({
    name: 'pci_port_write',
    doc: 'Writes a register in I/O port space.',
    parameters: [
      functionIndex,
      barIndex,
      parameter('offset', 'u32', 'From its start.'),
      width,
      parameter('value', 'u32', 'What to write.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV, EINVAL outside the range, ENXIO when it is not ports`,
  }),
  kernelFunction({
    name: 'interrupt_open_message',
    doc: 'Makes an interrupt that a PCI function raises by a message (MSI or MSI-X).',
    parameters: [functionIndex, parameter('into', messageInterrupt, 'What the device needs.')],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV, ENOSPC when all ids are taken`,
  }),
  kernelFunction({
    name: 'interrupt_open_line',
    doc: "Opens a PCI function's interrupt line (INTx). When it fires it is masked until all who share it acknowledge.",
    parameters: [functionIndex],
    returns: 'i32',
    returnsDoc: 'its id, or -errno: ENODEV, ENXIO when it has no line, ENOSPC',
  }),
  kernelFunction({
    name: 'pci_stop',
    doc:
      'Takes a PCI function away from its driver: it no longer writes to memory and raises no interrupt. Waits, a ' +
      'tenth of a second at most, until what it has under way is done.',
    parameters: [functionIndex],
    returns: 'u32',
    returnsDoc: '1 when it is quiet, else 0',
  }),
  kernelFunction({
    name: 'platform_device_stop',
    doc:
      'Takes a platform device away from its driver: it no longer writes to memory. Virtio over MMIO is reset, for a tenth ' +
      'of a second at most, and raises no interrupt either; the others write to none.',
    parameters: [parameter('index', 'u32', 'Which one.')],
    returns: 'u32',
    returnsDoc: '1 when it is quiet, else 0',
  }),
  kernelFunction({
    name: 'event_word_open',
    doc: 'Makes an event word for a thread that drives devices besides the system isolate: see wait_for_events.',
    parameters: [],
    returns: 'i32',
    returnsDoc: 'its number, or -errno: ENOSPC',
  }),
  kernelFunction({
    name: 'event_word_close',
    doc: 'Gives an event word back. Nobody may wait for it.',
    parameters: [eventWord],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'event_word_notify',
    doc: 'As notify_events, for another word.',
    parameters: [eventWord, parameter('bits', 'u32', 'Bits to set, RUNTIME_EVENT_*.')],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'event_word_wait',
    doc: 'As wait_for_events, for another word.',
    parameters: [
      eventWord,
      parameter('mask', 'u32', 'Bits to wait for, RUNTIME_EVENT_*.'),
      parameter('deadline', 'u64', 'On the clock of monotonic_nanoseconds().'),
    ],
    returns: 'u32',
    returnsDoc: 'the bits of mask that were set, 0 when the deadline passed',
  }),
  kernelFunction({
    name: 'interrupt_direct',
    doc: 'Has an interrupt set RUNTIME_EVENT_INTERRUPT in an event word instead of that of the system isolate.',
    parameters: [parameter('id', 'u32', "The interrupt's id."), eventWord],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'interrupt_acknowledge',
    doc: 'Lets a line interrupt again. Nothing to do for messages, and for ids that are not open.',
    parameters: [parameter('id', 'u32', "The interrupt's id.")],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'interrupt_release',
    doc: 'Gives an interrupt back. Ids that are not open are ignored.',
    parameters: [parameter('id', 'u32', "The interrupt's id.")],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'platform_device_count',
    doc: 'Counts the devices that the platform describes itself.',
    parameters: [],
    returns: 'u32',
    returnsDoc: 'how many there are',
  }),
  kernelFunction({
    name: 'platform_device_at',
    doc: 'Describes a platform device.',
    parameters: [
      parameter('index', 'u32', 'Which one.'),
      parameter('into', platformDevice, 'Where the answer goes.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV`,
  }),
  kernelFunction({
    name: 'platform_device_map',
    doc: "Maps a platform device's memory, uncached. It stays mapped.",
    parameters: [
      parameter('index', 'u32', 'Which one.'),
      parameter('into', memoryRange, 'Where they are.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV, ENXIO when it has none, ENOMEM`,
  }),
  kernelFunction({
    name: 'platform_device_interrupt',
    doc: "Opens a platform device's interrupt line, as interrupt_open_line does.",
    parameters: [parameter('index', 'u32', 'Which one.')],
    returns: 'i32',
    returnsDoc: 'its id, or -errno: ENODEV, ENXIO, ENOSPC',
  }),
  kernelFunction({
    name: 'arena_allocate',
    doc: 'Takes zeroed, page-aligned memory from the arena. Needs broker_attach first.',
    parameters: [
      parameter('size', 'u32', 'Bytes, rounded up to pages.'),
      parameter('contiguous', 'u32', '1: contiguous for devices, 0: only in the arena.'),
      parameter('into', arenaBlock, 'What was taken.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: EINVAL, ENOMEM`,
  }),
  kernelFunction({
    name: 'arena_free',
    doc: 'Gives a block back. An offset that is no block of the service is ignored.',
    parameters: [parameter('offset', 'u32', "The block's offset.")],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'broker_attach',
    doc:
      'The network service starts: maps the arena on first use, and announces again every socket that is bound or ' +
      'listens, and every request that waits.',
    parameters: [parameter('into', memoryRange, 'The arena.')],
    returns: 'i32',
    returnsDoc: `${outcome}: ENOMEM`,
  }),
  kernelFunction({
    name: 'broker_detach',
    doc:
      'The network service died. Stops every device that it used (bus mastering, interrupts), then ends connections ' +
      'with an error and frees its memory. Harmless when it was not attached.',
    parameters: [],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'broker_no_service',
    doc: 'There is no network service and there will be none: nobody waits for it any more.',
    parameters: [],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'broker_notify',
    doc: "Looks at the kernel's attention list, and wakes threads whose sockets changed.",
    parameters: [],
    returns: 'u32',
    returnsDoc: 'how many sockets were looked at',
  }),
  kernelFunction({
    name: 'broker_accept',
    doc: 'Makes the socket of a connection that a listener got.',
    parameters: [parameter('listener', 'u32', "The listener's id.")],
    returns: 'i32',
    returnsDoc: "the socket's id, or -errno: ENOMEM, EINVAL",
  }),
  kernelFunction({
    name: 'broker_resize',
    doc: "Gives a socket's ring another capacity and moves its content there.",
    parameters: [
      parameter('socket', 'u32', "The socket's id."),
      parameter('direction', 'u32', 'RUNTIME_DIRECTION_*.'),
      parameter('capacity', 'u32', 'Bytes, a power of two, or 0 to free the ring.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENOMEM, EINVAL`,
  }),
  kernelFunction({
    name: 'broker_release',
    doc: 'The service is done with a socket that the app has closed: block and rings are freed.',
    parameters: [parameter('socket', 'u32', "The socket's id.")],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'broker_publish_interfaces',
    doc: 'Says which interfaces and addresses there are, for netlink and /proc.',
    parameters: [
      parameter('bytes', 'bytes-in', 'RuntimePublishedInterface, each followed by its addresses.'),
      parameter('length', 'size', 'Bytes in all.'),
    ],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'broker_publish_file',
    doc: 'Gives a generated file its content.',
    parameters: [
      parameter('name', 'bytes-in', 'Which one: "resolv.conf", "hosts", "net/tcp", "net/dev"…'),
      parameter('name_length', 'size', 'Bytes of the name.'),
      parameter('text', 'bytes-in', 'The whole content.'),
      parameter('text_length', 'size', 'Bytes of the content.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENOENT, ENOMEM`,
  }),
  kernelFunction({
    name: 'clock_adjust',
    doc:
      'Corrects the wall clock: by a step at once, or by and by at 500 parts per million, which replaces what is left ' +
      'of an earlier correction. The monotonic clock takes part in the latter only.',
    parameters: [
      parameter('is_step', 'u32', '1 for a step, 0 for a slow correction.'),
      parameter('seconds', 'i32', 'By how much, whole seconds.'),
      parameter('nanoseconds', 'i32', 'And nanoseconds, of the same sign.'),
    ],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'broker_finish_sending',
    doc:
      'The app has ended: ends the sending side of all connections, and waits, at most two seconds, until what it wrote ' +
      'has been acknowledged. To be called while the service still runs, from another thread.',
    parameters: [],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'platform_device_ports',
    doc: 'Counts the byte-wide I/O ports of a platform device.',
    parameters: [parameter('index', 'u32', 'Which device.')],
    returns: 'u32',
    returnsDoc: 'how many it has, 0 when there is no such device',
  }),
  kernelFunction({
    name: 'platform_port_read',
    doc: 'Reads an I/O port of a platform device.',
    parameters: [
      parameter('index', 'u32', 'Which device.'),
      parameter('port', 'u32', 'Which of its ports.'),
    ],
    returns: 'u32',
    returnsDoc: 'the byte, all ones when there is no such port',
  }),
  kernelFunction({
    name: 'platform_port_write',
    doc: 'Writes an I/O port of a platform device.',
    parameters: [
      parameter('index', 'u32', 'Which device.'),
      parameter('port', 'u32', 'Which of its ports.'),
      parameter('value', 'u32', 'The byte; higher bits are ignored.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV, EINVAL when there is no such port`,
  }),
  kernelFunction({
    name: 'platform_framebuffer',
    doc: 'Tells how a framebuffer is laid out.',
    parameters: [
      parameter('index', 'u32', 'Which device.'),
      parameter('into', framebuffer, 'Where the answer goes.'),
    ],
    returns: 'i32',
    returnsDoc: `${outcome}: ENODEV when it is no framebuffer`,
  }),
  kernelFunction({
    name: 'screen_font',
    doc: "Gives the font for framebuffers, in the format of Linux's console (PSF). It stays, and may not be written to.",
    parameters: [parameter('into', memoryRange, 'Where it is.')],
    returns: 'i32',
    returnsDoc: `${outcome}: ENOENT when the base holds none`,
  }),
  kernelFunction({
    name: 'open_echo_socket',
    doc: 'Opens an ICMP echo socket (icmp(7)) of the app: what ping needs, and Node has no function for.',
    parameters: [parameter('version', 'u32', 'Of IP: 4 or 6.')],
    returns: 'i32',
    returnsDoc:
      'the descriptor, non-blocking and closed on exec, or -errno: EINVAL, EMFILE, EPROTONOSUPPORT',
  }),
];
