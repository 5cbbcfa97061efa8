/**
 * The bindings for isolates and the channels between them: see native/shim/src/isolates, which answers
 * all of them; the kernel has no part in it beyond threads and futexes. Part of bindings.abi.ts.
 */
import {
  argument,
  type Binding,
  type BindingGroup,
  binding,
  bindingGroup,
  constant,
  field,
  structure,
} from './declare.ts';

export const channelPair = structure('RuntimeChannelPair', 'The two ends of a new channel.', [
  field('first', 'u32', 'Number of one end.'),
  field('second', 'u32', 'Number of the other end.'),
]);

export const spawnedIsolate = structure('RuntimeSpawnedIsolate', 'An isolate that was started.', [
  field('id', 'u32', 'Its number.'),
  field('channel', 'u32', "Number of this side's end of the first channel that it has."),
]);

export const deviceGrant = structure(
  'RuntimeDeviceGrant',
  'A device that can be given to an isolate, with memory for it.',
  [
    field('id', 'u32', 'Its number.'),
    field('offset', 'u64', "The memory's place in the arena."),
    field('size', 'u64', 'Bytes of it.'),
  ],
);

export const isolateFigures = structure(
  'RuntimeIsolateFigures',
  'What an isolate has used so far. Figures of the heap are those of its last collection or pause.',
  [
    field('cpu_nanoseconds', 'u64', 'CPU time of its threads.'),
    field('heap_bytes', 'u64', 'Its JavaScript heap in use, garbage included.'),
    field('external_bytes', 'u64', 'Memory of its ArrayBuffers.'),
    field('messages_sent', 'u64', 'Messages that it sent.'),
    field('messages_received', 'u64', 'Messages that it received.'),
    field(
      'taken_nanoseconds',
      'u64',
      'When these figures were taken, on a clock that never goes back.',
    ),
    field(
      'turn_nanoseconds',
      'u64',
      'When the turn of its loop began that it is in, on the same clock; 0 when it sleeps, or one ended just now.',
    ),
    field(
      'turn_cpu_nanoseconds',
      'u64',
      'CPU time of the thread that its turns are on, and of no other.',
    ),
    field('started_nanoseconds', 'u64', 'How long it took from spawn() to the end of its script.'),
    field('has_ended', 'u32', '1 when its thread is about to end, or has.'),
  ],
);

export const isolateConstants = [
  constant('RUNTIME_CHANNEL_SENT', 'u32', 1, 'Result of channel.send: the message was taken.'),
  constant(
    'RUNTIME_CHANNEL_FULL',
    'u32',
    2,
    'Result of channel.send: news follow when there is room.',
  ),
  constant('RUNTIME_CHANNEL_CLOSED', 'u32', 3, 'Result of channel.send: the channel has ended.'),
  constant(
    'RUNTIME_RECEIVED_ATTACHMENTS',
    'u32',
    0x4000_0000,
    'Added to the result of channel.receive: something came with the message. Negative: the channel has ended.',
  ),
  constant(
    'RUNTIME_RECEIVED_LAST',
    'u32',
    0x2000_0000,
    'Added to the result of channel.receive: it was the last message for now. News are made of the next one.',
  ),
  constant('RUNTIME_GRANT_FUNCTION', 'u32', 0, 'Bus of grantDevice: a PCI function.'),
  constant(
    'RUNTIME_GRANT_PLATFORM',
    'u32',
    1,
    "Bus of grantDevice: one of the platform's devices.",
  ),
  constant('RUNTIME_GRANT_SERIAL', 'u32', 2, 'Bus of grantDevice: a serial port.'),
  constant(
    'RUNTIME_KEYBOARD_NOTES_OFFSET',
    'u32',
    2048,
    'Where the bytes that an isolate has read from its keyboard controller are, in its memory, whose first word counts ' +
      'them: 16 bits each, the byte and above it the status that was read before.',
  ),
  constant(
    'RUNTIME_KEYBOARD_NOTES',
    'u32',
    1024,
    'How many of these there are: byte number n is at n modulo this.',
  ),
  constant('RUNTIME_NEWS_CHANNEL', 'u32', 1, 'Kind of news: a channel should be looked at.'),
  constant('RUNTIME_NEWS_ISOLATE_ENDED', 'u32', 2, 'Kind of news: an isolate has ended.'),
  constant(
    'RUNTIME_NEWS_CALLER',
    'u32',
    3,
    'Kind of news: a thread of the app calls the system isolate.',
  ),
  constant('RUNTIME_END_FINISHED', 'u32', 1, 'How an isolate ended: there was nothing left to do.'),
  constant('RUNTIME_END_FAILED', 'u32', 2, 'How an isolate ended: an exception escaped.'),
  constant('RUNTIME_END_LIMIT', 'u32', 3, 'How an isolate ended: it reached a limit.'),
  constant('RUNTIME_END_KILLED', 'u32', 4, 'How an isolate ended: it was killed.'),
];

const nothing = { kind: 'nothing' } as const;
const number = (name: string, doc: string) =>
  argument(name, { kind: 'integer', type: 'u32', least: 0, most: 0xffffffff }, doc);

const all = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system', 'bare', 'node'], ...description });
const starters = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system', 'node'], ...description });
const system = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system'], ...description });

const channel = number('channel', "The end's number.");
const sent = {
  kind: 'scalar',
  type: 'u32',
  shown: 'number',
  doc: '1 it was sent, 2 there is no room for it now, 3 the channel has ended',
} as const;
const isolate = number('isolate', "The isolate's number.");
const nice = argument(
  'nice',
  { kind: 'integer', type: 'i32', least: 0, most: 19 },
  'As nice(2) has it, of its thread: 0 as the app has, and each step is a factor of 1.25 less of the CPU.',
);

const channels = bindingGroup(
  'channel',
  'Channels to other isolates. Numbers are of this isolate alone; one that it does not have throws a RangeError.',
  [
    all({
      name: 'create',
      doc: 'Makes a channel, both ends of which this isolate has.',
      calls: { host: 'CreateChannel' },
      arguments: [
        argument('into', { kind: 'fill', structure: channelPair }, 'The numbers of its ends.'),
      ],
      returns: { kind: 'checked', gives: 'filled' },
    }),
    all({
      name: 'post',
      doc: 'Sends a message that nothing comes with.',
      calls: { host: 'PostMessage' },
      fast: true,
      arguments: [channel, argument('bytes', { kind: 'source' }, 'Its bytes.')],
      returns: sent,
    }),
    all({
      name: 'send',
      doc: 'Sends a message. ArrayBuffers and ends of channels that go with it are not here any more then.',
      calls: { host: 'SendMessage' },
      arguments: [
        channel,
        argument('bytes', { kind: 'source' }, 'Its bytes.'),
        argument(
          'attachments',
          { kind: 'any' },
          'Undefined, or an array of ArrayBuffers, SharedArrayBuffers and numbers of channels.',
        ),
      ],
      returns: sent,
    }),
    all({
      name: 'receive',
      doc: 'Takes the next message.',
      calls: { host: 'ReceiveMessage' },
      fast: true,
      arguments: [channel, argument('into', { kind: 'bytes' }, 'Where its bytes go.')],
      returns: {
        kind: 'scalar',
        type: 'i32',
        shown: 'number',
        doc:
          'its length, RUNTIME_RECEIVED_ATTACHMENTS more when attachments() has something, and RUNTIME_RECEIVED_LAST ' +
          'more when nothing follows that no news will come of; -1 when there is none, -RUNTIME_RECEIVED_ATTACHMENTS ' +
          'when there is none and never will be; -1 less the length when it does not fit, and stays',
      },
    }),
    all({
      name: 'attachments',
      doc: 'Gives what came with the message that receive() took last, once.',
      calls: { host: 'TakeAttachments' },
      arguments: [],
      returns: {
        kind: 'value',
        type: 'readonly (ArrayBuffer | SharedArrayBuffer | number)[] | undefined',
        doc: 'buffers and numbers of channels, undefined when nothing came',
      },
    }),
    all({
      name: 'close',
      doc: 'Ends a channel; what was sent is still delivered.',
      calls: { host: 'CloseChannel' },
      arguments: [channel, argument('reason', { kind: 'text' }, 'For people.')],
      returns: nothing,
    }),
    all({
      name: 'closure',
      doc: 'Tells why a channel has ended.',
      calls: { host: 'ChannelClosure' },
      arguments: [channel],
      returns: {
        kind: 'value',
        type: 'readonly [cause: number, isOwn: boolean, reason: string] | undefined',
        doc: '1 when it was closed and 2 when who had an end died, whether it was this side, and why',
      },
    }),
    all({
      name: 'release',
      doc: 'Forgets a channel. The other side learns that this one died, unless it was closed.',
      calls: { host: 'ReleaseChannel' },
      arguments: [channel],
      returns: nothing,
    }),
    all({
      name: 'onNews',
      doc:
        'Names the function that is called from the loop when there are messages, room again, or an end: once, ' +
        'until it was called. The last call counts.',
      calls: { host: 'OnNews' },
      arguments: [
        argument(
          'listener',
          { kind: 'callback', type: '(kind: number, id: number) => void' },
          'Gets 1 and the number of a channel, 2 and the number of an isolate that has ended, or 3 and 0 for callers.',
        ),
      ],
      returns: nothing,
    }),
    binding({
      name: 'callSystem',
      isolates: ['node'],
      doc: 'Makes a channel to the system isolate, which takes the other end in this life or the next one.',
      calls: { host: 'CallSystem' },
      arguments: [],
      returns: { kind: 'checked', gives: 'number', doc: "the number of this side's end" },
    }),
    system({
      name: 'listen',
      doc: 'Has news made of threads of the app that call. Without it they learn that they call in vain.',
      calls: { host: 'ListenToCallers' },
      arguments: [],
      returns: nothing,
    }),
    system({
      name: 'accept',
      doc: 'Takes in the end that the next caller has left.',
      calls: { host: 'AcceptCaller' },
      arguments: [],
      returns: {
        kind: 'scalar',
        type: 'u32',
        shown: 'number',
        doc: 'its number, 0 when nobody calls: news follow of who does',
      },
    }),
  ],
);

const isolates = bindingGroup('isolates', 'Isolates that this one starts.', [
  starters({
    name: 'spawn',
    doc: 'Starts an isolate on a thread of its own. It has one channel, number 1, whose other end is here.',
    calls: { host: 'SpawnIsolate' },
    arguments: [
      argument('name', { kind: 'text' }, 'For logs and lists.'),
      argument('script', { kind: 'text' }, "Path of its script, beside which is V8's code cache."),
      argument(
        'heapLimit',
        { kind: 'number', least: 1, most: Number.MAX_SAFE_INTEGER },
        'Most bytes of its heap and of its ArrayBuffers.',
      ),
      number('messageLimit', 'Most messages that it may send in a second, 0 for any number.'),
      nice,
      number('grant', 'Number of the device that it gets, 0 for none.'),
      argument('into', { kind: 'fill', structure: spawnedIsolate }, 'What was started.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'grantDevice',
    doc:
      'Takes a device and zeroed memory, contiguous for devices, to give them to an isolate. No other isolate can get ' +
      'them as long as one has them.',
    calls: { host: 'GrantDevice' },
    arguments: [
      argument(
        'bus',
        { kind: 'integer', type: 'u32', least: 0, most: 2 },
        'RUNTIME_GRANT_*: which list the index is of.',
      ),
      number('index', 'Its place in the list.'),
      number('bytes', 'Of memory, at most 4 MiB; rounded up to a power of two of pages.'),
      argument('into', { kind: 'fill', structure: deviceGrant }, 'What was taken.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  system({
    name: 'revokeDevice',
    doc:
      'Gives the memory back. An isolate that still has the device is killed and waited for; the device is stopped ' +
      'before.',
    calls: { host: 'RevokeDevice' },
    arguments: [number('grant', 'Number of the device.')],
    returns: nothing,
  }),
  starters({
    name: 'kill',
    doc: 'Stops an isolate, whatever it does. News follow when it has ended.',
    calls: { host: 'KillIsolate' },
    arguments: [isolate, argument('reason', { kind: 'text' }, 'For the report.')],
    returns: nothing,
  }),
  starters({
    name: 'setNice',
    doc: 'Gives the thread of an isolate another share of the CPU. One that has ended is left alone.',
    calls: { host: 'SetIsolateNice' },
    arguments: [isolate, nice],
    returns: nothing,
  }),
  starters({
    name: 'figures',
    doc: 'Tells what an isolate has used.',
    calls: { host: 'FillIsolateFigures' },
    arguments: [
      isolate,
      argument('into', { kind: 'fill', structure: isolateFigures }, 'Where the figures go.'),
    ],
    returns: { kind: 'checked', gives: 'filled' },
  }),
  starters({
    name: 'ending',
    doc: 'Tells how an isolate has ended.',
    calls: { host: 'IsolateEnding' },
    arguments: [isolate],
    returns: {
      kind: 'value',
      type: 'readonly [how: number, report: string] | undefined',
      doc: '1 it finished, 2 it failed, 3 it reached a limit, 4 it was killed, and a report whose places are in the script',
    },
  }),
  starters({
    name: 'sourceMap',
    doc: 'Gives the source map of the script that an isolate runs.',
    calls: { host: 'IsolateSourceMap' },
    arguments: [isolate],
    returns: {
      kind: 'value',
      type: 'string | undefined',
      doc: 'a `data:` URL, undefined when it has none',
    },
  }),
  starters({
    name: 'release',
    doc: 'Forgets an isolate that has ended. One that has not is killed and waited for.',
    calls: { host: 'ReleaseIsolate' },
    arguments: [isolate],
    returns: nothing,
  }),
  binding({
    name: 'keepAlive',
    isolates: ['node'],
    doc: 'Says whether the event loop goes on because of what was started here.',
    calls: { host: 'KeepAlive' },
    arguments: [
      argument(
        'on',
        { kind: 'integer', type: 'u32', least: 0, most: 1 },
        '1 as long as something runs.',
      ),
    ],
    returns: nothing,
  }),
]);

/** Has an isolate end itself, when others have started it. */
export const isolateBindings: readonly Binding[] = [
  binding({
    name: 'finish',
    isolates: ['bare'],
    doc: 'Ends this isolate. What follows the call does not run.',
    calls: { host: 'Finish' },
    arguments: [],
    returns: nothing,
  }),
];

/** All groups of this file. */
export const isolateBindingGroups: readonly BindingGroup[] = [channels, isolates];
