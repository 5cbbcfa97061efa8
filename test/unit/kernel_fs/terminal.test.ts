// Terminals: the kernel's part and the service's, over the memory that they share.
import type { TerminalDevice } from '@runtimejs/tty/device.ts';
import { terminalBlock } from '@runtimejs/tty/generated/shared-memory.ts';
import { Terminal } from '@runtimejs/tty/terminal.ts';
import test from 'ava';
import { FakeTerminalDevice } from '../support/fake-terminal-device.ts';
import { boot, call, E, kernel, must, O, open } from './kernel.ts';

const get = 0x5401; // TCGETS
const set = 0x5402; // TCSETS
const setAfterFlush = 0x5404; // TCSETSF
const getSize = 0x5413;
const setSize = 0x5414;
const flush = 0x540b;
const readable = 0x541b;
const unsentOutput = 0x5411;
const interruptSignal = 2;
const windowSignal = 28;
const canRead = 1;
const canWrite = 4;
const patience = 2_000_000;

const memory = {
  bytes: new Uint8Array(kernel.terminalMemory()),
  words: new Int32Array(kernel.terminalMemory()),
};
const blockOf = (index: number): number => kernel.terminalBlocks() + index * terminalBlock.size;
const word = (index: number, field: number): number => (blockOf(index) + field) / 4;

/** A life of the service with a terminal, on a clock that tests set. */
class Service {
  readonly terminal: Terminal;
  now = 1_000_000;
  readonly failed: string[] = [];
  readonly #index: number;

  constructor(devices: readonly TerminalDevice[], index = 0) {
    this.#index = index;
    kernel.setTerminalService(1);
    if (kernel.attachTerminal(index) !== 0) throw new Error('the kernel refuses the service');
    const options = {
      memory,
      block: blockOf(index),
      devices,
      endsWithConnection: index !== 0,
      now: () => this.now,
      wake: () => {},
      kernel: {
        notify: () => kernel.notifyTerminal(index),
        grow: (capacity: number) => kernel.growTerminal(index, capacity) === 0,
        signal: (signal: number, with_: boolean) =>
          kernel.signalTerminal(index, signal, with_ ? 1 : 0),
        resize: (size: { columns: number; rows: number }) =>
          kernel.resizeTerminal(index, size.columns, size.rows),
      },
    };
    this.terminal = new Terminal(options, (device) => this.failed.push(device.name));
    this.run();
  }

  /** Turns until there is nothing to do. */
  run(): void {
    for (let turn = 0; turn < 1000 && this.terminal.turn() === 0; turn += 1);
  }

  end(): void {
    kernel.detachTerminal(this.#index);
    kernel.setTerminalService(2);
  }
}

const console_ = (flags = 0): number => open('/dev/console', O.RDWR | flags);
const write = (file: number, text: string): number =>
  call('write', file, Buffer.from(text, 'latin1'), text.length);
function read(file: number, size = 4096): string | number {
  const bytes = Buffer.alloc(size);
  const count = call('read', file, bytes, size);
  return count < 0 ? count : bytes.toString('latin1', 0, count);
}
function number(file: number, request: number): number {
  const bytes = Buffer.alloc(4);
  must('ioctl', file, request, bytes);
  return bytes.readInt32LE();
}
function settings(file: number): Buffer {
  const bytes = Buffer.alloc(36);
  must('ioctl', file, get, bytes);
  return bytes;
}
/** Changes c_lflag, and VMIN and VTIME. */
function setMode(file: number, local: number, minimum = 1, time = 0, request = set): void {
  const bytes = settings(file);
  bytes.writeUInt32LE(local === 0 ? 0 : usualInput, 0);
  bytes.writeUInt32LE(local, 12);
  bytes[17 + 6] = minimum;
  bytes[17 + 5] = time;
  must('ioctl', file, request, bytes);
}
const usual = 0x8a3b;
const usualInput = 0x4500;

test.beforeEach(() => {
  boot([{ name: 'app/main.mjs', data: 'app' }]);
  kernel.setTerminalService(2);
  kernel.takeConsole();
  kernel.takeTerminalSignals();
});

test.serial(
  'settings are those of a new terminal on Linux, and come back as they were set',
  (t) => {
    const file = console_();
    const now = settings(file);
    t.is(now.readUInt32LE(0), 0x4500);
    t.is(now.readUInt32LE(4), 5);
    t.is(now.readUInt32LE(12), usual);
    t.deepEqual([...now.subarray(17, 21)], [3, 28, 127, 21]);
    setMode(file, 0, 0, 7);
    const changed = settings(file);
    t.is(changed.readUInt32LE(12), 0);
    t.deepEqual([...changed.subarray(22, 24)], [7, 0]);
    setMode(file, usual);
    t.is(call('ioctl', file, 0x9999, 0), E.NOTTY);
    t.is(call('ioctl', file, get, 8), -14, 'EFAULT');
    const group = Buffer.alloc(4);
    must('ioctl', file, 0x540f, group);
    t.is(group.readInt32LE(), 1);
    t.is(call('ioctl', file, 0x5410, Buffer.from([2, 0, 0, 0])), -3, 'ESRCH: one process');
    t.is(call('ioctl', file, 0x5410, group), 0);
  },
);

test.serial('the size changes with SIGWINCH, once', (t) => {
  const file = console_();
  const size = Buffer.alloc(8);
  must('ioctl', file, getSize, size);
  t.deepEqual([size.readUInt16LE(0), size.readUInt16LE(2)], [24, 80]);
  size.writeUInt16LE(50, 0);
  must('ioctl', file, setSize, size);
  must('ioctl', file, setSize, size);
  t.deepEqual(kernel.takeTerminalSignals(), [windowSignal]);
  size.writeUInt16LE(24, 0);
  must('ioctl', file, setSize, size);
  kernel.takeTerminalSignals();
});

test.serial(
  'without a service output goes to the boot console, and input comes from there',
  (t) => {
    const file = console_(O.NONBLOCK);
    write(file, 'a\nb\n');
    t.is(kernel.takeConsole(), 'a\r\nb\r\n');
    t.is(read(file), E.AGAIN);
    kernel.typeConsole('yes\r');
    t.is(kernel.pollTerminal(0) & canRead, canRead);
    t.is(read(file), 'yes\n');
    kernel.setTerminalService(0);
    kernel.typeConsole('held\r');
    t.is(read(file), E.AGAIN, 'a service is awaited: its line discipline comes first');
    kernel.setTerminalService(2);
    t.is(read(file), 'held\n');
  },
);

test.serial('a service takes over without losing or repeating output', (t) => {
  const file = console_();
  write(file, 'early\n');
  t.is(kernel.takeConsole(), 'early\r\n');
  const serial = new FakeTerminalDevice('serial', true);
  const screen = new FakeTerminalDevice('screen');
  const service = new Service([serial, screen]);
  write(file, 'later\n');
  service.run();
  t.is(serial.takeShown(), 'later\r\n');
  t.true(screen.takeShown().endsWith('early\r\nlater\r\n'), 'it had not seen what came before');
  t.is(kernel.takeConsole(), '');
  serial.capacity = 4;
  write(file, 'unsent\n');
  service.run();
  t.is(serial.takeShown(), 'unse');
  service.end();
  t.is(kernel.takeConsole(), 'nt\r\n', 'what the service had not sent');
  write(file, 'again\n');
  t.is(kernel.takeConsole(), 'again\r\n');
  const next = new FakeTerminalDevice('serial', true);
  const other = new Service([next]);
  write(file, 'new life\n');
  other.run();
  t.is(next.shown, 'new life\r\n');
  other.end();
});

test.serial('lines are read one by one; input is echoed to all devices', (t) => {
  const [left, right] = [new FakeTerminalDevice('left', true), new FakeTerminalDevice('right')];
  const service = new Service([left, right]);
  right.takeShown();
  const file = console_(O.NONBLOCK);
  left.type('one\rtw');
  right.type('o\r\x04');
  service.run();
  t.is(number(file, readable), 8);
  t.is(read(file, 2), 'on');
  t.is(read(file), 'e\n');
  t.is(read(file), 'two\n');
  t.is(read(file), '', 'the end of file');
  t.is(read(file), E.AGAIN);
  t.is(left.shown, 'one\r\ntwo\r\n');
  t.is(right.shown, 'one\r\ntwo\r\n');
  service.end();
});

test.serial('without lines VMIN and VTIME decide', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  setMode(file, 0, 3);
  service.run();
  device.type('ab');
  service.run();
  t.is(kernel.pollTerminal(0) & canRead, 0, 'VMIN 3');
  device.type('cd');
  service.run();
  t.is(kernel.pollTerminal(0) & canRead, canRead);
  t.is(read(file), 'abcd');
  t.is(read(file), E.AGAIN);
  setMode(file, 0, 0);
  t.is(read(file), '', 'VMIN 0: nothing is an answer');
  const waiting = console_();
  setMode(file, 0, 1);
  t.is(read(waiting), E.RESTART, 'would wait');
  setMode(file, usual);
  service.end();
});

test.serial('tcflush and TCSETSF drop what was typed', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  device.type('gone\rhalf');
  service.run();
  setMode(file, usual, 1, 0, setAfterFlush);
  service.run();
  t.is(read(file), E.AGAIN);
  device.type('new\r');
  service.run();
  t.is(read(file), 'new\n');
  device.capacity = 0;
  write(file, 'not wanted');
  service.run();
  t.is(number(file, unsentOutput), 10);
  must('ioctl', file, flush, 1);
  device.takeShown();
  device.drain(Number.POSITIVE_INFINITY);
  service.run();
  t.is(device.shown, '');
  t.is(number(file, unsentOutput), 0);
  t.is(call('ioctl', file, flush, 3), -22, 'EINVAL');
  service.end();
});

test.serial('Ctrl-C is SIGINT, and drops output that waits', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_();
  device.capacity = 0;
  write(file, 'flood\n'.repeat(100));
  service.run();
  device.type('\x03');
  service.run();
  t.deepEqual(kernel.takeTerminalSignals(), [interruptSignal]);
  device.drain(Number.POSITIVE_INFINITY);
  service.run();
  t.is(device.shown, '^C');
  service.end();
});

test.serial('the ring grows, and what does not fit waits', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  device.capacity = 0;
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  const piece = 'x'.repeat(32 * 1024);
  let written = 0;
  for (let step = 0; step < 100; step += 1) {
    const count = write(file, piece);
    if (count > 0) written += count;
    kernel.pollTerminal(0);
    service.run();
  }
  t.true(written > 1000 * 1024 && written <= 1024 * 1024, String(written));
  t.is(write(file, piece), E.AGAIN);
  t.is(kernel.pollTerminal(0) & canWrite, 0);
  device.drain(Number.POSITIVE_INFINITY);
  service.run();
  t.is(device.shown.length, written);
  t.is(kernel.pollTerminal(0) & canWrite, canWrite);
  service.end();
});

test.serial('what the service itself prints waits for nobody: it would be the service', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  device.capacity = 0;
  const service = new Service([device]);
  const file = console_();
  const line = `${'z'.repeat(1022)}\n`;
  kernel.becomeTerminalService(true);
  for (let lines = 0; lines < 2000; lines += 1) t.is(write(file, line), line.length);
  kernel.becomeTerminalService(false);
  device.drain(Number.POSITIVE_INFINITY);
  service.run();
  t.true(device.shown.length > 0 && device.shown.length < 2000 * line.length);
  service.end();
});

test.serial('who does not read does not keep the app, or the others, for ever', (t) => {
  const [reader, sleeper] = [new FakeTerminalDevice('reader'), new FakeTerminalDevice('sleeper')];
  const service = new Service([reader, sleeper]);
  const file = console_(O.NONBLOCK);
  reader.takeShown();
  sleeper.takeShown();
  sleeper.capacity = 0;
  const line = `${'y'.repeat(1022)}\n`;
  const fill = (): number => {
    let lines = 0;
    while (write(file, line) === line.length) lines += 1;
    kernel.pollTerminal(0);
    service.run();
    return lines;
  };
  let lines = 0;
  for (let step = 0; step < 20; step += 1) lines += fill();
  t.is(write(file, line), E.AGAIN);
  service.now += patience;
  service.run();
  lines += fill();
  t.true(fill() >= 0 && write(file, 'the end\n') > 0, 'the app goes on');
  service.run();
  t.true(reader.shown.endsWith('the end\r\n'), 'the others see everything');
  t.true(reader.shown.length >= lines * 1024);
  sleeper.drain(Number.POSITIVE_INFINITY);
  service.run();
  t.regex(sleeper.shown, /\[runtime\] \d+ bytes of output were dropped: nobody read sleeper/);
  write(file, 'back\n');
  service.run();
  t.true(sleeper.shown.endsWith('back\r\n'));
  service.end();
});

test.serial('what was dropped is told whole to who takes little at a time', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  device.capacity = 0;
  for (let step = 0; step < 40; step += 1) {
    write(file, 'z'.repeat(32 * 1024));
    kernel.pollTerminal(0);
    service.run();
  }
  service.now += patience;
  kernel.pollTerminal(0);
  service.run();
  write(file, 'the next line\n');
  for (let step = 0; step < 100; step += 1) {
    device.drain(3);
    service.run();
  }
  t.regex(
    device.shown,
    /^\r\n\[runtime\] \d+ bytes of output were dropped: nobody read serial\r\nthe next line\r\n$/,
  );
  service.end();
});

test.serial('a slow device, or a long paste, leaves others their turn', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  const show = device.write.bind(device);
  device.write = (bytes) => {
    service.now += 1000;
    return show(bytes);
  };
  write(file, 'x'.repeat(30_000));
  t.is(service.terminal.turn(), 0, 'there is more to do');
  t.true(device.shown.length > 0 && device.shown.length < 10_000, `${device.shown.length}`);
  service.run();
  t.is(device.shown.length, 30_000);
  setMode(file, 0);
  service.run();
  device.type('y'.repeat(30_000));
  const take = device.read.bind(device);
  device.read = (into) => {
    service.now += 1000;
    return take(into);
  };
  t.is(service.terminal.turn(), 0);
  t.true(device.waiting > 10_000 && device.waiting < 30_000, `${device.waiting}`);
  service.run();
  t.is(String(read(file, 40_000)).length, 30_000);
  setMode(file, usual);
  service.end();
});

test.serial('a device that stands still is looked at though nobody has said that he waits', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  t.is(service.terminal.turn(), Number.POSITIVE_INFINITY, 'an idle terminal sleeps');
  device.capacity = 0;
  for (let step = 0; step < 10; step += 1) write(file, 'x'.repeat(16 * 1024));
  const began = service.now;
  t.is(service.terminal.turn(), began + patience);
  kernel.pollTerminal(0); // waits now, without a turn
  service.now += patience;
  service.run();
  t.is(kernel.pollTerminal(0) & canWrite, canWrite, 'the app goes on');
  service.now += 10 * patience;
  t.is(service.terminal.turn(), service.now + patience, 'it is looked at now and then, no more');
  device.drain(Number.POSITIVE_INFINITY);
  service.run();
  t.is(service.terminal.turn(), Number.POSITIVE_INFINITY);
  service.end();
});

test.serial('a paste that nobody reads waits in the device, and arrives whole', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  setMode(file, 0);
  service.run();
  const paste = Array.from({ length: 300_000 }, (_, index) => String.fromCharCode(index % 251));
  device.type(paste.join(''));
  service.run();
  t.true(device.waiting > 100_000, 'most of it has not been taken');
  let received = '';
  for (let step = 0; step < 1000 && received.length < paste.length; step += 1) {
    const bytes = read(file, 7777);
    if (typeof bytes === 'string') received += bytes;
    service.run();
  }
  t.is(received, paste.join(''));
  setMode(file, usual);
  service.end();
});

test.serial('a terminal of its own has a file, and ends when its other side goes', (t) => {
  const index = kernel.addTerminal('ttyS1');
  t.is(index, 1);
  t.true(kernel.addTerminal('null') < 0, 'that name is taken');
  const device = new FakeTerminalDevice('ttyS1');
  const service = new Service([device], index);
  const file = open('/dev/ttyS1', O.RDWR | O.NONBLOCK);
  write(file, 'hello\n');
  device.type('x\r');
  service.run();
  t.is(device.shown, 'hello\r\nx\r\n');
  t.is(read(file), 'x\n');
  device.isConnected = false;
  device.host?.connectionChanged();
  t.is(read(file), '', 'the end of file');
  t.is(read(file), E.AGAIN, 'once');
  setMode(file, 0);
  device.isConnected = true;
  device.host?.connectionChanged();
  device.isConnected = false;
  device.host?.connectionChanged();
  t.is(kernel.pollTerminal(index) & canRead, canRead);
  t.is(read(file), '', 'in raw mode, too');
  service.end();
});

test.serial('the smallest of all sizes counts, down to 1 by 1', (t) => {
  const [large, small] = [new FakeTerminalDevice('large', true), new FakeTerminalDevice('small')];
  large.size = { columns: 200, rows: 50 };
  const service = new Service([large, small]);
  const file = console_();
  const size = Buffer.alloc(8);
  const now = (): number[] => {
    must('ioctl', file, getSize, size);
    return [size.readUInt16LE(2), size.readUInt16LE(0)];
  };
  t.deepEqual(now(), [200, 50]);
  small.size = { columns: 1, rows: 1 };
  small.host?.resized();
  t.deepEqual(now(), [1, 1]);
  t.deepEqual(kernel.takeTerminalSignals(), [windowSignal, windowSignal]);
  small.isConnected = false;
  small.host?.connectionChanged();
  t.deepEqual(now(), [200, 50]);
  service.end();
});

test.serial('a device that cannot start is left out; without any, reading ends', (t) => {
  const broken = new FakeTerminalDevice('broken');
  broken.start = () => {
    throw new Error('it is broken');
  };
  const service = new Service([broken]);
  t.deepEqual(service.failed, ['broken']);
  const file = console_(O.NONBLOCK);
  t.is(write(file, 'into the void\n'), 14);
  service.run();
  t.is(read(file), '');
  service.end();
});

test.serial('indices that make no sense are not believed', (t) => {
  const device = new FakeTerminalDevice('serial', true);
  const service = new Service([device]);
  const file = console_(O.NONBLOCK);
  const { words } = memory;
  write(file, 'abc');
  for (const tail of [words[word(0, terminalBlock.outputHead)] as number, 0, -1, 0x7fffffff]) {
    words[word(0, terminalBlock.outputTail)] = tail + 12345;
    t.is(write(file, 'abc'), 3);
  }
  const inputHead = word(0, terminalBlock.inputHead);
  const head = words[inputHead] as number;
  words[inputHead] = head + 1_000_000;
  t.is(read(file), E.AGAIN);
  words[inputHead] = head + 3;
  t.is(read(file), E.AGAIN);
  service.end();
  t.pass();
});
