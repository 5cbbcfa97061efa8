/**
 * The kernel interface: the table of functions that the kernel hands to the shim and to the Node
 * addon, and the structures and numbers that they share. `npm run generate` turns it into
 * generated/kernel_interface.h.
 *
 * Growing it: append functions at the end (older shims then keep working, `size` tells what is
 * there); anything else changes `version`.
 */
import {
  constant,
  field,
  type KernelInterface,
  kernelFunction,
  memoryRange,
  parameter,
  structure,
} from './declare.ts';
import {
  channelPair,
  deviceGrant,
  isolateConstants,
  isolateFigures,
  spawnedIsolate,
} from './isolate.abi.ts';
import { serviceConstants, serviceFunctions, serviceStructures } from './service.abi.ts';
import { terminalConstants, terminalFunctions, terminalStructures } from './terminal.abi.ts';

export const memoryStatistics = structure(
  'RuntimeMemoryStatistics',
  'Where physical memory is, in bytes, and how often pages were faulted in since boot.',
  [
    field('total', 'u64', 'Usable RAM reported by the boot map.'),
    field('free', 'u64', 'Unused RAM: what an allocation may still take.'),
    field('image', 'u64', 'Held by the base and the initrd, which are mapped in place.'),
    field(
      'kernel_heap',
      'u64',
      "The kernel's own objects, stacks and tables other than page tables.",
    ),
    field('page_tables', 'u64', 'Page tables.'),
    field('application', 'u64', 'Anonymous and copied pages of Node and of the system isolate.'),
    field('tmpfs', 'u64', 'File data written at run time.'),
    field('page_faults', 'u64', 'Page faults that were resolved since boot.'),
    field('copy_on_write_copies', 'u64', 'Of those, the ones that copied a page.'),
  ],
);

export const cpuStatistics = structure(
  'RuntimeCpuStatistics',
  'What the CPUs have done since boot, summed over all of them.',
  [
    field('cpus', 'u32', 'CPUs that run threads.'),
    field('threads', 'u32', 'Threads that exist, kernel threads and idle threads left out.'),
    field('context_switches', 'u64', 'Times that a CPU went from one thread to another.'),
    field('interrupts', 'u64', 'Interrupts taken, timers included, exceptions left out.'),
    field('system_calls', 'u64', 'System calls made.'),
    field('idle_nanoseconds', 'u64', 'Time that CPUs were halted.', 'bigint'),
    field('busy_nanoseconds', 'u64', 'Time that CPUs ran threads or the kernel.', 'bigint'),
    field(
      'boot_nanoseconds',
      'u64',
      "Time from the kernel's entry to the first instruction of user code.",
      'bigint',
    ),
  ],
);

const bell = parameter('bell', 'u64', 'What bell_open has returned.');

export const kernelInterface: KernelInterface = {
  name: 'RuntimeKernelInterface',
  version: 1,
  doc:
    'The functions that the kernel offers to the code that embeds Node. Its address is in the auxiliary vector under ' +
    'RUNTIME_AUXV_KERNEL_INTERFACE. They are ordinary System V calls in the same ring, may be called from any ' +
    'thread, at any time after start, and keep no pointer that they are given.',
  constants: [
    constant(
      'RUNTIME_AUXV_KERNEL_INTERFACE',
      'u64',
      0x524a5301n,
      'Type of the auxiliary vector entry that holds the address of the RuntimeKernelInterface ("RJS", entry 1).',
    ),
    constant('RUNTIME_LOG_ERROR', 'u32', 0, 'Log level: something failed.'),
    constant(
      'RUNTIME_LOG_WARN',
      'u32',
      1,
      'Log level: something is wrong, and the system carries on.',
    ),
    constant('RUNTIME_LOG_INFO', 'u32', 2, 'Log level: worth knowing in normal operation.'),
    constant('RUNTIME_LOG_DEBUG', 'u32', 3, 'Log level: of use to who debugs the system.'),
    constant(
      'RUNTIME_EVENT_WAKE',
      'u32',
      1,
      "Bit of the isolate host's event word: look at your queues and flags.",
    ),
    constant(
      'RUNTIME_PROCESS_STARTED',
      'u32',
      0,
      'The process has begun at its first instruction.',
    ),
    constant(
      'RUNTIME_PROCESS_TO_BE_FROZEN',
      'u32',
      1,
      'Likewise, on the machine that builds an image: it is to be frozen before the app is loaded.',
    ),
    constant('RUNTIME_PROCESS_RESUMED', 'u32', 2, 'The process goes on from a frozen state.'),
    constant('RUNTIME_NO_DEADLINE', 'u64', 0xffffffffffffffffn, 'A deadline that never passes.'),
    ...serviceConstants,
    ...terminalConstants,
    ...isolateConstants,
  ],
  structures: [
    memoryStatistics,
    cpuStatistics,
    ...serviceStructures,
    ...terminalStructures,
    channelPair,
    deviceGrant,
    spawnedIsolate,
    isolateFigures,
  ],
  functions: [
    kernelFunction({
      name: 'log',
      doc: 'Writes one message to the kernel log, and to the console when its level is at or above the configured one.',
      parameters: [
        parameter(
          'level',
          'u32',
          'One of RUNTIME_LOG_*; a larger number counts as RUNTIME_LOG_DEBUG.',
        ),
        parameter(
          'text',
          'bytes-in',
          'UTF-8, without a final newline; newlines inside start a new log line.',
        ),
        parameter('length', 'size', 'Bytes of text.'),
      ],
      returns: 'nothing',
    }),
    kernelFunction({
      name: 'monotonic_nanoseconds',
      doc: 'Reads the clock that never goes back (the one behind CLOCK_MONOTONIC).',
      parameters: [],
      returns: 'u64',
      returnsDoc: 'nanoseconds since an arbitrary point at or before boot',
    }),
    kernelFunction({
      name: 'wall_clock_nanoseconds',
      doc: 'Reads the time of day (the one behind CLOCK_REALTIME).',
      parameters: [],
      returns: 'u64',
      returnsDoc: 'nanoseconds since 1970-01-01T00:00:00Z, leap seconds left out',
    }),
    kernelFunction({
      name: 'uptime_nanoseconds',
      doc: 'Tells how long ago the kernel was entered.',
      parameters: [],
      returns: 'u64',
      returnsDoc: 'nanoseconds since kernel entry',
    }),
    kernelFunction({
      name: 'memory_statistics',
      doc: 'Fills in the memory figures of this moment.',
      parameters: [parameter('into', memoryStatistics, 'Where the figures go.')],
      returns: 'nothing',
    }),
    kernelFunction({
      name: 'cpu_statistics',
      doc: 'Fills in the CPU figures of this moment.',
      parameters: [parameter('into', cpuStatistics, 'Where the figures go.')],
      returns: 'nothing',
    }),
    kernelFunction({
      name: 'kernel_log_read',
      doc:
        "Copies text of the kernel log's ring that follows a cursor, as much as fits. Text that was overwritten is " +
        'skipped: reading then goes on with the oldest text that is left.',
      parameters: [
        parameter(
          'cursor',
          'u64-in-out',
          'Position in the log, 0 for the oldest text; left behind the text copied.',
        ),
        parameter(
          'buffer',
          'bytes-out',
          'Where the text goes: UTF-8 lines like "<6>text\\n", with the severity of syslog(3) in front, no final NUL.',
        ),
        parameter('capacity', 'size', 'Bytes in buffer.'),
      ],
      returns: 'size',
      returnsDoc: 'bytes copied, 0 when there is nothing new',
    }),
    kernelFunction({
      name: 'wait_for_events',
      doc:
        "Blocks the calling thread until a bit of mask is set in the isolate host's event word or the deadline " +
        'passes. The bits that it returns are cleared in the word in the same step, so that no event is lost or seen ' +
        'twice; bits that are already set return at once.',
      parameters: [
        parameter('mask', 'u32', 'Bits to wait for, RUNTIME_EVENT_*.'),
        parameter(
          'deadline',
          'u64',
          'On the clock of monotonic_nanoseconds(); one in the past polls, RUNTIME_NO_DEADLINE waits for ever.',
        ),
      ],
      returns: 'u32',
      returnsDoc: 'the bits of mask that were set, 0 when the deadline passed',
    }),
    kernelFunction({
      name: 'notify_events',
      doc:
        "Sets bits in the isolate host's event word and wakes the thread that waits for one of them. What was written " +
        'before the call is visible to who sees the bits.',
      parameters: [parameter('bits', 'u32', 'Bits to set, RUNTIME_EVENT_*.')],
      returns: 'nothing',
    }),
    kernelFunction({
      name: 'bell_open',
      doc:
        'Makes a bell for the calling thread, which alone may wait for it: with bell_wait. A thread has one. The ' +
        'quickest way to wake a thread: what a futex does beyond that, the threads do themselves.',
      parameters: [],
      returns: 'u64',
      returnsDoc: 'what bell_ring and bell_close take, good for any thread until it is closed',
    }),
    kernelFunction({
      name: 'bell_close',
      doc: 'Gives a bell back. Nobody may ring it any more; its thread may have ended.',
      parameters: [bell],
      returns: 'nothing',
    }),
    kernelFunction({
      name: 'bell_ring',
      doc:
        'Ends the wait of the thread that has opened the bell: the one of this moment, or else the next one. What was ' +
        'written before the call is visible to who was woken.',
      parameters: [bell],
      returns: 'nothing',
    }),
    kernelFunction({
      name: 'bell_wait',
      doc:
        'Blocks the calling thread until its bell is rung or the deadline passes. It may return earlier, too: look at ' +
        'what you wait for, and wait again.',
      parameters: [
        parameter(
          'deadline',
          'u64',
          'On the clock of monotonic_nanoseconds(); RUNTIME_NO_DEADLINE waits for ever.',
        ),
      ],
      returns: 'nothing',
    }),
    kernelFunction({
      name: 'power_off',
      doc: 'Reports the exit code to the host and powers the machine off.',
      parameters: [
        parameter(
          'code',
          'i32',
          'Exit code for the host, of which it may see the low 8 bits only.',
        ),
      ],
      returns: 'never',
    }),
    kernelFunction({
      name: 'reboot',
      doc: 'Resets the machine.',
      parameters: [],
      returns: 'never',
    }),
    ...serviceFunctions,
    ...terminalFunctions,
    kernelFunction({
      name: 'generation_id',
      doc:
        "Gives the memory with the machine's generation id, 16 bytes that the hypervisor changes when it lets the machine " +
        'go on from a saved state. It stays, and may not be written to.',
      parameters: [parameter('into', memoryRange, 'Where it is.')],
      returns: 'i32',
      returnsDoc: '0, or -errno: ENOENT when the machine has none',
    }),
    kernelFunction({
      name: 'process_origin',
      doc: 'Tells how the process has come to life.',
      parameters: [],
      returns: 'u32',
      returnsDoc: 'one of RUNTIME_PROCESS_*',
    }),
    kernelFunction({
      name: 'freeze_process',
      doc:
        'Begins to freeze the process, for an image that starts from its state. Each thread stops where it is and goes on ' +
        'from there on another machine, where process_origin() is RUNTIME_PROCESS_RESUMED. Calls of the kernel that wait ' +
        'are left, as by a signal that has no handler.',
      parameters: [],
      returns: 'i32',
      returnsDoc: '0, or -errno: EPERM when this process is not to be frozen',
    }),
    kernelFunction({
      name: 'await_memory_shortage',
      doc:
        'Blocks the calling thread until memory is short (less is free than a quarter of what the image leaves, 4 to 64 ' +
        'MiB) and a time has passed, or until a thread waits for a page of which there is none. One thread of the process ' +
        'calls it, and then has memory given back: without it, a thread that finds no page ends the machine.',
      parameters: [
        parameter(
          'not_before',
          'u64',
          'On the clock of monotonic_nanoseconds(): until then threads that wait for a page count alone.',
        ),
      ],
      returns: 'nothing',
    }),
  ],
};
