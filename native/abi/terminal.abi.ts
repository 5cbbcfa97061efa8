/**
 * Terminals: the memory that the kernel and the console service share, the functions that the service calls,
 * and the serial ports below them. Spread into kernel.abi.ts, broker.abi.ts and bindings.abi.ts.
 *
 * A terminal is what the app has open as /dev/console, /dev/tty or /dev/NAME. The kernel keeps what system
 * calls need (termios, window size, who waits), the service the line discipline and the devices. Between them
 * are two rings in the arena. Indices count modulo 2^32.
 *
 * Output. The app's bytes, processed as termios c_oflag says, lie in the output ring from output_tail to
 * output_head. Before a service opens terminal 0 its output goes to the boot console at once, and the ring
 * keeps what fits as a history; early_head is where that ended: a device that is the boot console begins
 * there, every other one at output_tail.
 *
 * Input. Records: a word with the length in the low half and RUNTIME_TERMINAL_RECORD_* in the high half, then
 * the bytes, padded to 4. Words lie at multiples of 4, bytes wrap at the ring's end.
 *
 * Attention. The kernel sets RUNTIME_EVENT_TERMINAL after each change; the service calls terminal_notify
 * after it has put input in, or when kernel_waits names what it has done.
 */
import {
  argument,
  type Binding,
  type BindingGroup,
  binding,
  bindingGroup,
  constant,
  field,
  type KernelFunction,
  kernelFunction,
  parameter,
  type SharedLayout,
  shared,
  sharedLayout,
  structure,
} from './declare.ts';

export const terminalBlock: SharedLayout = sharedLayout(
  'RuntimeTerminalBlock',
  'What kernel and service know of one terminal.',
  256,
  [
    // Written by the kernel.
    shared('output_head', 'u32', 'Bytes ever put into the output ring.'),
    shared('output_offset', 'u32', "The output ring's place in the arena."),
    shared(
      'output_capacity',
      'u32',
      'Its size, a power of two; changed within terminal_grow only.',
    ),
    shared('early_head', 'u32', 'Up to here the boot console has shown the output already.'),
    shared('input_tail', 'u32', 'Bytes ever taken from the input ring.'),
    shared('input_offset', 'u32', "The input ring's place in the arena."),
    shared('input_capacity', 'u32', 'Its size, a power of two.'),
    shared(
      'settings_sequence',
      'u32',
      'Odd while the settings below change, then another even one.',
    ),
    shared('input_flags', 'u32', 'c_iflag, termios(3).'),
    shared('output_flags', 'u32', 'c_oflag.'),
    shared('control_flags', 'u32', 'c_cflag.'),
    shared('local_flags', 'u32', 'c_lflag.'),
    shared('control_characters', 20, 'c_cc, 19 of them.'),
    shared('input_flushes', 'u32', 'How often the app has dropped all input (TCIFLUSH).'),
    shared('output_flushes', 'u32', 'How often output was dropped up to output_flushed.'),
    shared('output_flushed', 'u32', 'Where the output that is still wanted begins.'),
    shared('output_is_stopped', 'u32', '1 between tcflow(TCOOFF) and tcflow(TCOON).'),
    shared(
      'kernel_waits',
      'u32',
      'RUNTIME_TERMINAL_WAITS_*: what somebody waits for; the kernel clears it.',
    ),
    // Written by the service.
    shared(
      'output_tail',
      'u32',
      'Bytes that every device is done with. Set by the kernel at first.',
    ),
    shared('boot_tail', 'u32', 'Bytes that the device which is the boot console has sent.'),
    shared('has_boot_console', 'u32', '1: one of the devices is the boot console.'),
    shared('unsent', 'u32', 'Bytes that devices have taken and not sent yet.'),
    shared('input_head', 'u32', 'Bytes ever put into the input ring.'),
  ],
);

export const terminalLayouts: readonly SharedLayout[] = [terminalBlock];

export const terminalMemoryConstants = [
  constant('RUNTIME_TERMINAL_MAXIMUM', 'u32', 8, 'Terminals, of which number 0 is the console.'),
  constant('RUNTIME_TERMINAL_RECORD_LINE', 'u32', 1, 'Ends a line; without bytes: end of file.'),
  constant(
    'RUNTIME_TERMINAL_RECORD_END',
    'u32',
    2,
    'The other side is gone: reading gives the end of file in every mode, once.',
  ),
  constant('RUNTIME_TERMINAL_WAITS_SPACE', 'u32', 1, 'For space in the output ring.'),
  constant('RUNTIME_TERMINAL_WAITS_DRAIN', 'u32', 2, 'Until all output has been sent.'),
];

export const terminalPlace = structure(
  'RuntimeTerminalPlace',
  'A terminal, as the service got it.',
  [
    field('index', 'u32', 'Its number.'),
    field('block', 'u32', 'Place of its RuntimeTerminalBlock in the arena.'),
  ],
);

export const terminalStructures = [terminalPlace];

export const terminalConstants = [
  constant(
    'RUNTIME_EVENT_TERMINAL',
    'u32',
    8,
    "Bit of the isolate host's event word: a terminal's block has changed, or terminals are wanted.",
  ),
  constant('RUNTIME_SERIAL_MAXIMUM', 'u32', 2, 'Serial ports of a PC: 0x3f8 and 0x2f8.'),
];

const terminalIndex = parameter('terminal', 'u32', 'Its number.');
const portIndex = parameter('port', 'u32', 'Which serial port.');

export const terminalFunctions: readonly KernelFunction[] = [
  kernelFunction({
    name: 'setting',
    doc: 'Reads an option of the kernel command line that is meant for a service: console, terminal, keyboard, screen, shell.',
    parameters: [
      parameter('name', 'bytes-in', "The option's name."),
      parameter('name_length', 'size', 'Bytes of the name.'),
      parameter('into', 'bytes-out', 'Where its value goes, cut at the capacity.'),
      parameter('capacity', 'size', 'Bytes there.'),
    ],
    returns: 'i32',
    returnsDoc: 'bytes of the value, or -errno: ENOENT when the option was not given, EINVAL',
  }),
  kernelFunction({
    name: 'terminal_want',
    doc: "The app's main module is loaded: from now on the service may take terminals over without making the app wait.",
    parameters: [],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'terminal_is_wanted',
    doc: 'Tells whether the service should open terminals now: terminal_want was called, or the app waits for input.',
    parameters: [],
    returns: 'u32',
    returnsDoc: '1 or 0',
  }),
  kernelFunction({
    name: 'terminal_open',
    doc: 'Takes a terminal over for this life of the service, and makes its file in /dev if there is none. Needs broker_attach first.',
    parameters: [
      parameter('name', 'bytes-in', 'File name in /dev; console is terminal 0.'),
      parameter('name_length', 'size', 'Bytes of the name.'),
      parameter('into', terminalPlace, 'The terminal.'),
    ],
    returns: 'i32',
    returnsDoc:
      '0, or -errno: EINVAL (a name that is none, or exists), ENOSPC (too many), ENOMEM, EBUSY',
  }),
  kernelFunction({
    name: 'terminal_notify',
    doc: 'Wakes those who wait for what the service has done.',
    parameters: [terminalIndex],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'terminal_grow',
    doc: 'Gives the output ring a larger capacity and moves its content there. To be called by the thread that reads the ring.',
    parameters: [terminalIndex, parameter('capacity', 'u32', 'Bytes, a power of two.')],
    returns: 'i32',
    returnsDoc: '0, or -errno: EINVAL, ENOMEM',
  }),
  kernelFunction({
    name: 'terminal_signal',
    doc: 'A key that stands for a signal was pressed: the app gets it. Input, and output that was not sent, is dropped if so wanted.',
    parameters: [
      terminalIndex,
      parameter('signal', 'u32', 'SIGINT 2, SIGQUIT 3 or SIGTSTP 20.'),
      parameter('flush', 'u32', '1: drop input and output (NOFLSH is not set).'),
    ],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'terminal_resize',
    doc: 'The size of the terminal is known or has changed: the app gets SIGWINCH if it has.',
    parameters: [
      terminalIndex,
      parameter('columns', 'u32', 'Characters in a line, 1 to 65535.'),
      parameter('rows', 'u32', 'Lines, 1 to 65535.'),
    ],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'serial_port_count',
    doc: 'Counts the serial ports, among which numbers may be absent.',
    parameters: [],
    returns: 'u32',
    returnsDoc: 'RUNTIME_SERIAL_MAXIMUM, or less where the last ones are absent',
  }),
  kernelFunction({
    name: 'serial_port_state',
    doc: 'Tells whether a serial port is there.',
    parameters: [portIndex],
    returns: 'u32',
    returnsDoc: '0: no, 1: yes, 2: yes, and it is the boot console',
  }),
  kernelFunction({
    name: 'serial_open',
    doc:
      'Takes a port over for this life of the service: what arrives is for it alone, and its interrupt is opened. The ' +
      'kernel goes on writing its log there, line by line.',
    parameters: [portIndex],
    returns: 'i32',
    returnsDoc: "the interrupt's id, or -errno: ENODEV, EBUSY, ENXIO, ENOSPC",
  }),
  kernelFunction({
    name: 'serial_read',
    doc: 'Reads a register of an open port.',
    parameters: [portIndex, parameter('number', 'u32', 'Which register, 0 to 7.')],
    returns: 'u32',
    returnsDoc: 'its value, 255 for a port that is not open',
  }),
  kernelFunction({
    name: 'serial_write',
    doc: "Writes a register of an open port. The boot console's line settings and data are the kernel's and stay.",
    parameters: [
      portIndex,
      parameter('number', 'u32', 'Which register, 0 to 7.'),
      parameter('value', 'u32', 'One byte.'),
    ],
    returns: 'nothing',
  }),
  kernelFunction({
    name: 'serial_transmit',
    doc: 'Gives bytes to an open port as long as its transmitter takes them at once. The kernel log does not come in between.',
    parameters: [
      portIndex,
      parameter('bytes', 'bytes-in', 'What to send.'),
      parameter('length', 'size', 'How many.'),
    ],
    returns: 'u32',
    returnsDoc: 'how many it took',
  }),
  kernelFunction({
    name: 'serial_receive',
    doc: 'Takes what has arrived at an open port; what arrived before it was opened comes first.',
    parameters: [
      portIndex,
      parameter('into', 'bytes-out', 'Where the bytes go.'),
      parameter('capacity', 'size', 'At most 65535 are taken.'),
    ],
    returns: 'u32',
    returnsDoc:
      'their count in the low half; in the high half the error bits of the line status register that were seen',
  }),
  kernelFunction({
    name: 'serial_close',
    doc:
      'Gives a port back. Its interrupt is to be released before. What is in its transmitter still leaves; what arrives ' +
      'waits for who opens it next, at the boot console with the kernel.',
    parameters: [portIndex],
    returns: 'nothing',
  }),
];

const system = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system'], ...description });
const nothing = { kind: 'nothing' } as const;
const scalar = (doc: string) => ({ kind: 'scalar', type: 'u32', shown: 'number', doc }) as const;
const terminalArgument = argument(
  'terminal',
  { kind: 'integer', type: 'u32', least: 0, most: 7 },
  'Its number.',
);
const portArgument = argument(
  'port',
  { kind: 'integer', type: 'u32', least: 0, most: 1 },
  'Which port.',
);
const number = (name: string, least: number, most: number, doc: string) =>
  argument(name, { kind: 'integer', type: 'u32', least, most }, doc);

const terminal = bindingGroup('terminal', "The kernel's side of terminals.", [
  system({
    name: 'isWanted',
    doc: 'Tells whether terminals should be opened now: the app has been loaded, or waits for input.',
    calls: { kernel: 'terminal_is_wanted' },
    arguments: [],
    returns: scalar('1 or 0'),
    fast: true,
  }),
  system({
    name: 'open',
    doc: 'Takes a terminal over, and makes its file in /dev if there is none.',
    calls: { kernel: 'terminal_open' },
    arguments: [
      argument('name', { kind: 'text' }, 'File name in /dev; console is terminal 0.'),
      argument('into', { kind: 'fill', structure: terminalPlace }, 'The terminal.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'notify',
    doc: 'Wakes those who wait for what the service has done.',
    calls: { kernel: 'terminal_notify' },
    arguments: [terminalArgument],
    returns: nothing,
    fast: true,
  }),
  system({
    name: 'grow',
    doc: 'Gives the output ring a larger capacity.',
    calls: { kernel: 'terminal_grow' },
    arguments: [terminalArgument, number('capacity', 0, 0xffffffff, 'Bytes, a power of two.')],
    returns: { kind: 'scalar', type: 'i32', shown: 'number', doc: '0, or -errno: EINVAL, ENOMEM' },
    fast: true,
  }),
  system({
    name: 'signal',
    doc: 'A key that stands for a signal was pressed: the app gets it.',
    calls: { kernel: 'terminal_signal' },
    arguments: [
      terminalArgument,
      number('signal', 1, 31, 'SIGINT 2, SIGQUIT 3 or SIGTSTP 20.'),
      number('flush', 0, 1, '1: drop input, and output that was not sent.'),
    ],
    returns: nothing,
  }),
  system({
    name: 'resize',
    doc: 'The size of the terminal is known or has changed.',
    calls: { kernel: 'terminal_resize' },
    arguments: [
      terminalArgument,
      number('columns', 1, 65535, 'Characters in a line.'),
      number('rows', 1, 65535, 'Lines.'),
    ],
    returns: nothing,
  }),
]);

/** A binding of isolates that others have started. */
const spawned = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['bare'], ...description });

const serial = bindingGroup('serial', 'The serial ports of a PC.', [
  system({
    name: 'portCount',
    doc: 'Counts the ports, among which numbers may be absent.',
    calls: { kernel: 'serial_port_count' },
    arguments: [],
    returns: scalar('how many numbers there are'),
  }),
  system({
    name: 'portState',
    doc: 'Tells whether a port is there.',
    calls: { kernel: 'serial_port_state' },
    arguments: [portArgument],
    returns: scalar('0: no, 1: yes, 2: yes, and it is the boot console'),
  }),
  system({
    name: 'open',
    doc: 'Takes a port over, with its interrupt.',
    calls: { kernel: 'serial_open' },
    arguments: [portArgument],
    returns: { kind: 'checked', gives: 'number', doc: "the interrupt's id" },
  }),
  system({
    name: 'read',
    doc: 'Reads a register of an open port.',
    calls: { kernel: 'serial_read' },
    arguments: [portArgument, number('number', 0, 7, 'Which one.')],
    returns: scalar('its value'),
    fast: true,
  }),
  system({
    name: 'write',
    doc: "Writes a register of an open port. The boot console's line settings and data are the kernel's and stay.",
    calls: { kernel: 'serial_write' },
    arguments: [
      portArgument,
      number('number', 0, 7, 'Which one.'),
      number('value', 0, 255, 'One byte.'),
    ],
    returns: nothing,
    fast: true,
  }),
  system({
    name: 'transmit',
    doc: 'Gives bytes to an open port as long as its transmitter takes them at once.',
    calls: { kernel: 'serial_transmit' },
    arguments: [portArgument, argument('bytes', { kind: 'source' }, 'What to send.')],
    returns: scalar('how many it took'),
  }),
  system({
    name: 'receive',
    doc: 'Takes what has arrived at an open port.',
    calls: { kernel: 'serial_receive' },
    arguments: [portArgument, argument('into', { kind: 'bytes' }, 'Where the bytes go.')],
    returns: scalar(
      'their count in the low half, error bits of the line status register in the high half',
    ),
  }),
]);

/** What answers for an isolate that was given a port: bindings of `serial`, by name. */
const grantedCalls: Readonly<Record<string, string>> = {
  portCount: 'GrantedSerialCount',
  portState: 'GrantedSerialState',
  open: 'OpenGrantedSerial',
  read: 'ReadGrantedSerial',
  write: 'WriteGrantedSerial',
  transmit: 'TransmitGranted',
  receive: 'ReceiveGranted',
};

const grantedSerial = bindingGroup(
  'grantedSerial',
  'The serial port that this isolate was given, if any: port 0 is its only one. The first word of its memory ' +
    '(grant.memory) counts the bytes that transmit() took, the second one those that receive() gave.',
  serial.bindings.map(({ isolates: _, calls: __, ...rest }) =>
    spawned({ ...rest, calls: { host: grantedCalls[rest.name] as string } }),
  ),
);

const settings = bindingGroup('settings', 'Options of the kernel command line for services.', [
  system({
    name: 'read',
    doc: 'Reads an option.',
    calls: { kernel: 'setting' },
    arguments: [
      argument('name', { kind: 'text' }, 'console, terminal, keyboard, screen or shell.'),
      argument('into', { kind: 'bytes' }, 'Where its value goes, in UTF-8, cut where it ends.'),
    ],
    returns: {
      kind: 'scalar',
      type: 'i32',
      shown: 'number',
      doc: 'bytes of the value, or -errno: ENOENT when it was not given',
    },
  }),
]);

export const terminalBindingGroups: readonly BindingGroup[] = [
  terminal,
  serial,
  grantedSerial,
  settings,
];
