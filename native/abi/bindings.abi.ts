/**
 * The bindings: what JavaScript may call, in which kind of isolate, and which kernel function (or
 * function of the isolate's host) answers. `npm run generate` turns this into the C++ glue and the
 * TypeScript declarations of both kinds of isolate, and refuses a binding whose arguments do not
 * fit the function that it calls.
 */
import { appBindingGroups } from './app-bindings.abi.ts';
import { argument, type BindingGroup, binding, bindingGroup } from './declare.ts';
import { isolateBindingGroups, isolateBindings } from './isolate.abi.ts';
import { cpuStatistics, memoryStatistics } from './kernel.abi.ts';
import { reloadBindingGroups } from './reload.abi.ts';
import { clockBindings, serviceBindingGroups } from './service-bindings.abi.ts';
import { terminalBindingGroups } from './terminal.abi.ts';

/**
 * `system`: the bare isolates of the system. `app`: Node isolates, through the addon kernel.node.
 */
const both = ['system', 'app'] as const;

/** All isolates without Node. */
const bare = ['system', 'bare'] as const;

const message = [
  argument(
    'level',
    { kind: 'integer', type: 'u32', least: 0, most: 3 },
    '0 error, 1 warning, 2 information, 3 debugging.',
  ),
  argument('text', { kind: 'text' }, 'The message; newlines inside start new log lines.'),
];

export const bindingGroups: readonly BindingGroup[] = [
  bindingGroup('log', 'The kernel log.', [
    binding({
      name: 'write',
      doc: 'Writes one message to the kernel log.',
      isolates: ['app'],
      calls: { kernel: 'log' },
      arguments: message,
      returns: { kind: 'nothing' },
    }),
    binding({
      name: 'write',
      doc:
        'Writes one message to the kernel log. Of an isolate that another has started it bears its name, and what ' +
        'is more than some hundred lines in a second is dropped and counted.',
      isolates: bare,
      calls: { host: 'WriteLog' },
      arguments: message,
      returns: { kind: 'nothing' },
    }),
    binding({
      name: 'read',
      doc: 'Copies the text of the kernel log that follows a cursor, as much as fits.',
      isolates: both,
      calls: { kernel: 'kernel_log_read' },
      arguments: [
        argument(
          'cursor',
          { kind: 'cursor' },
          'Its first element is the position, 0n at first; it is moved on.',
        ),
        argument(
          'into',
          { kind: 'bytes' },
          'Where the text goes: UTF-8 lines like "<6>text\\n", with the severity of syslog(3) in front.',
        ),
      ],
      returns: {
        kind: 'scalar',
        type: 'size',
        shown: 'number',
        doc: 'bytes copied, 0 when there is nothing new',
      },
    }),
  ]),
  bindingGroup('clock', 'The clocks.', [
    binding({
      name: 'monotonic',
      doc: 'Reads the clock that never goes back.',
      isolates: bare,
      calls: { kernel: 'monotonic_nanoseconds' },
      arguments: [],
      returns: {
        kind: 'scalar',
        type: 'u64',
        shown: 'bigint',
        doc: 'nanoseconds since an arbitrary point at or before boot',
      },
    }),
    binding({
      name: 'now',
      doc: 'Reads the same clock, for code that counts in microseconds.',
      isolates: bare,
      calls: { host: 'NowMicroseconds' },
      arguments: [],
      returns: {
        kind: 'scalar',
        type: 'u64',
        shown: 'number',
        doc: 'whole microseconds since an arbitrary point at or before boot',
      },
      fast: true,
    }),
    binding({
      name: 'wall',
      doc: 'Reads the time of day.',
      isolates: bare,
      calls: { kernel: 'wall_clock_nanoseconds' },
      arguments: [],
      returns: {
        kind: 'scalar',
        type: 'u64',
        shown: 'bigint',
        doc: 'nanoseconds since 1970-01-01T00:00:00Z',
      },
    }),
    binding({
      name: 'uptime',
      doc: 'Tells how long ago the kernel was entered.',
      isolates: ['system', 'bare', 'app'],
      calls: { kernel: 'uptime_nanoseconds' },
      arguments: [],
      returns: {
        kind: 'scalar',
        type: 'u64',
        shown: 'bigint',
        doc: 'nanoseconds since kernel entry',
      },
    }),
    ...clockBindings,
  ]),
  bindingGroup('memory', 'Physical memory.', [
    binding({
      name: 'statistics',
      doc: 'Fills in the memory figures of this moment.',
      isolates: both,
      calls: { kernel: 'memory_statistics' },
      arguments: [
        argument(
          'into',
          { kind: 'fill', structure: memoryStatistics },
          'Where the figures go; reuse it to save garbage.',
        ),
      ],
      returns: { kind: 'filled' },
    }),
  ]),
  bindingGroup('cpu', 'The CPUs.', [
    binding({
      name: 'statistics',
      doc: 'Fills in the CPU figures of this moment.',
      isolates: ['app'],
      calls: { kernel: 'cpu_statistics' },
      arguments: [
        argument(
          'into',
          { kind: 'fill', structure: cpuStatistics },
          'Where the figures go; reuse it to save garbage.',
        ),
      ],
      returns: { kind: 'filled' },
    }),
  ]),
  bindingGroup('machine', 'The machine as a whole.', [
    binding({
      name: 'powerOff',
      doc: 'Reports the exit code to the host and powers the machine off. Nothing that is pending gets done.',
      isolates: ['app'],
      calls: { kernel: 'power_off' },
      arguments: [
        argument(
          'code',
          { kind: 'integer', type: 'i32', least: 0, most: 255 },
          'Exit code for the host.',
        ),
      ],
      returns: { kind: 'never' },
    }),
    binding({
      name: 'reboot',
      doc: 'Resets the machine. Nothing that is pending gets done.',
      isolates: ['app'],
      calls: { kernel: 'reboot' },
      arguments: [],
      returns: { kind: 'never' },
    }),
  ]),
  bindingGroup('network', 'What Node has no function for.', [
    binding({
      name: 'openEchoSocket',
      doc: 'Opens an ICMP echo socket (icmp(7)): what ping needs.',
      isolates: ['app'],
      calls: { kernel: 'open_echo_socket' },
      arguments: [
        argument('version', { kind: 'integer', type: 'u32', least: 4, most: 6 }, 'Of IP: 4 or 6.'),
      ],
      returns: { kind: 'checked', gives: 'number', doc: 'the descriptor' },
    }),
  ]),
  bindingGroup('isolate', 'This isolate.', [
    binding({
      name: 'startedAt',
      doc: 'Tells when this isolate began to be made.',
      isolates: bare,
      calls: { host: 'StartedAt' },
      arguments: [],
      returns: {
        kind: 'scalar',
        type: 'u64',
        shown: 'bigint',
        doc: 'time on the clock of clock.monotonic()',
      },
    }),
    binding({
      name: 'becomeFrozen',
      doc:
        'Where this isolate is in a warm image: it goes on from here on every machine that starts from the image. To be ' +
        'called before it touches a device. In any other process it does nothing.',
      isolates: ['system'],
      calls: { host: 'BecomeFrozen' },
      arguments: [],
      returns: { kind: 'nothing' },
    }),
    binding({
      name: 'heapBytes',
      doc: 'Tells how much of its JavaScript heap is in use, garbage included.',
      isolates: bare,
      calls: { host: 'HeapBytes' },
      arguments: [],
      returns: { kind: 'scalar', type: 'size', shown: 'number', doc: 'bytes' },
    }),
    binding({
      name: 'sourceMap',
      doc: "Gives the bundle's inline source map.",
      isolates: bare,
      calls: { host: 'SourceMap' },
      arguments: [],
      returns: {
        kind: 'value',
        type: 'string | undefined',
        doc: 'a `data:` URL, undefined when the bundle has none',
      },
    }),
    ...isolateBindings,
  ]),
  ...isolateBindingGroups,
  ...serviceBindingGroups,
  ...reloadBindingGroups,
  ...appBindingGroups,
  ...terminalBindingGroups,
];
