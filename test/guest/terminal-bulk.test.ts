// Much at once: a paste arrives whole, a server answers while much output drains, an app whose output nobody reads
// goes on. With RUNTIMEJS_TEST_LONG=1 it is 10 MB on serial lines, too.
import { createHash } from 'node:crypto';
import test from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { findFreePort } from '../../lib/cli/src/network.ts';
import { guestInitrd, tail } from './support/guest.ts';
import { fileLine, type Line, listenForLine } from './support/terminal.ts';

const initrd = guestInitrd('terminal-bulk', 'apps/terminal.ts');
const isLong = process.env.RUNTIMEJS_TEST_LONG === '1';
const megabyte = 1024 * 1024;
const megabytes = { serial: isLong ? 10 : 0.25, virtio: 10 } as const;
const timeoutMilliseconds = isLong ? 900_000 : 300_000;
/** A line of the flood, its end included. */
const floodLine = `${'0123456789abcdef'.repeat(8).slice(1)}\r\n`;

/** Collects what comes on a line, and tells when a text was in it. */
class Collector {
  #bytes = Buffer.alloc(megabyte);
  #length = 0;
  readonly #expected: { readonly text: string; readonly found: () => void }[] = [];

  constructor(line: Line) {
    line.onData((bytes) => this.#take(bytes));
  }

  get length(): number {
    return this.#length;
  }

  get text(): string {
    return this.#bytes.toString('latin1', 0, this.#length);
  }

  #take(bytes: Uint8Array): void {
    const before = this.#length;
    this.#length += bytes.length;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * this.#length);
      larger.set(this.#bytes.subarray(0, before));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, before);
    for (const { text, found } of this.#expected) {
      const from = Math.max(0, before - text.length);
      if (this.#bytes.subarray(from, this.#length).includes(text)) found();
    }
  }

  /** Waits for a text. @throws when the machine ends without it */
  async expect(text: string, machine: RunningMachine): Promise<void> {
    if (this.text.includes(text)) return;
    const found = new Promise<void>((resolve) => {
      this.#expected.push({ text, found: resolve });
    });
    const ended = machine.end.then((end) => {
      if (this.text.includes(text)) return;
      throw new Error(`"${text}" did not come: ${this.text.slice(-2000)}\n${tail(end)}`);
    });
    await Promise.race([found, ended]);
  }
}

for (const kind of ['serial', 'virtio'] as const) {
  const start = async (parts: string, forward?: number) => {
    // QEMU drops what a virtio console sends and a socket does not take at once.
    const isFile = kind === 'virtio' && forward !== undefined;
    const socket = isFile ? await fileLine() : await listenForLine();
    const machine = await startMachine({
      timeoutMilliseconds,
      initrd: await initrd,
      serial: kind === 'serial' ? `unix:${socket.path}` : 'none',
      append: `log=warn -- ${parts}`,
      network:
        forward === undefined
          ? undefined
          : {
              device: 'virtio-net-pci',
              forward: [{ protocol: 'tcp', address: '127.0.0.1', host: forward, guest: 8080 }],
            },
      extraArguments:
        kind === 'serial'
          ? []
          : [
              ...['-device', 'virtio-serial-pci'],
              ...['-chardev', `${isFile ? 'file' : 'socket'},id=console,path=${socket.path}`],
              ...['-device', 'virtconsole,chardev=console'],
            ],
    });
    const line = await socket.line;
    const collector = new Collector(line);
    void machine.end.then(() => socket.close());
    return { machine, line, collector };
  };
  const size = megabytes[kind] * megabyte;

  test.serial(`${kind}: ${megabytes[kind]} MB pasted arrive whole`, async (t) => {
    t.timeout(timeoutMilliseconds + 10_000);
    const { machine, line, collector } = await start(`paste=${size}`);
    t.teardown(() => machine.kill());
    // From the app's first word on: the terminals may still be the kernel's.
    await collector.expect('paste\r\n', machine);
    const paste = Buffer.alloc(size);
    for (let at = 0; at < paste.length; at += 4) {
      paste.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
    }
    line.write(paste);
    const end = await machine.end;
    const hash = createHash('sha256').update(paste).digest('hex');
    t.true(collector.text.includes(`pasted ${size} ${hash}\r\n`), collector.text + tail(end));
    t.is(end.code, 0, tail(end));
  });

  test.serial(
    `${kind}: ${megabytes[kind]} MB of output arrive whole, and a server answers while they drain`,
    async (t) => {
      t.timeout(timeoutMilliseconds + 10_000);
      const port = await findFreePort(18_080);
      const { machine, collector } = await start(`flood=${size}`, port);
      t.teardown(() => machine.kill());
      const ask = async (path: string): Promise<void> => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          signal: AbortSignal.timeout(60_000),
        });
        t.is(await response.text(), 'here');
      };
      await collector.expect('listening\r\n', machine);
      let isDrained = false;
      const drained = collector.expect('flooded\r\n', machine).then(() => {
        isDrained = true;
      });
      const times: number[] = [];
      await ask('/');
      while (!isDrained) {
        const [before, began] = [collector.length, performance.now()];
        await ask('/');
        // Asked and answered while output came.
        if (!isDrained && collector.length > before) times.push(performance.now() - began);
      }
      await drained;
      await ask('/end');
      const end = await machine.end;
      t.is(end.code, 0, tail(end));
      t.log(`${times.length} answers, the slowest after ${Math.max(...times).toFixed()} ms`);
      t.true(times.length > 1, `${times.length} answers`);
      const lines = collector.text
        .split('\n')
        .filter((each) => each.startsWith('123456789abcdef0'));
      t.is(lines.length, Math.ceil(size / floodLine.length));
      t.deepEqual(lines.filter((each) => `${each}\n` !== floodLine).slice(0, 3), []);
    },
  );
}

// First the console is the kernel's, then the terminal service's.
test.serial(
  'an app whose output nobody reads goes on, and what was dropped is counted',
  async (t) => {
    t.timeout(timeoutMilliseconds + 10_000);
    const [socket, other] = [await listenForLine(), await listenForLine()];
    const machine = await startMachine({
      timeoutMilliseconds,
      initrd: await initrd,
      memoryMegabytes: 256, // the terminal's ring is 8 MiB at most
      serial: `unix:${socket.path}`,
      append:
        `log=warn console=serial -- unread=${megabyte} tell=hvc0=first ` +
        `unread=${10 * megabyte} tell=hvc0=second canonical`,
      extraArguments: [
        ...['-device', 'virtio-serial-pci'],
        ...[
          '-chardev',
          `socket,id=other,path=${other.path}`,
          '-device',
          'virtconsole,chardev=other',
        ],
      ],
    });
    const line = await socket.line;
    const collector = new Collector(line);
    line.pause();
    const told = new Collector(await other.line);
    await told.expect('second time', machine);
    line.resume();
    // What is typed is read, too.
    line.write('go on\r\x04');
    const end = await machine.end;
    await Promise.all([socket.close(), other.close()]);
    t.is(end.code, 0, tail(end));
    const { text } = collector;
    const kernel = Number(/ (\d+) bytes were dropped: nobody read the serial line/.exec(text)?.[1]);
    const service = Number(
      / (\d+) bytes of output were dropped: nobody read serial/.exec(text)?.[1],
    );
    t.true(kernel > 0 && service > 0, text.slice(-500));
    // Nothing but what was counted is missing: of 129 bytes of a line 127 are x.
    const shown = text.split('x').length - 1;
    const missing = (11 * megabyte * 127) / 128 - shown;
    const counted = ((kernel + service) * 127) / 129;
    t.true(
      Math.abs(missing - counted) < 1000,
      `${missing} bytes are missing, ${counted} were counted`,
    );
    t.true(text.includes('line "go on"'), text.slice(-500));
  },
);
