// Much at once: 10 MB pasted, 10 MB written while a server answers, output that nobody reads. Minutes on a busy
// machine without KVM, so only with RUNTIMEJS_TEST_LONG=1.
import { createHash } from 'node:crypto';
import test from 'ava';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { findFreePort } from '../../lib/cli/src/network.ts';
import { guestInitrd, tail } from './support/guest.ts';
import { listenForLine } from './support/terminal.ts';

const initrd = guestInitrd('terminal-bulk', 'apps/terminal.ts');
const long = process.env['RUNTIMEJS_TEST_LONG'] === '1' ? test.serial : test.serial.skip;
const tenMegabytes = 10 * 1024 * 1024;
const timeoutMilliseconds = 500_000;

/** Collects what comes on a line, and tells when a text was in it. */
class Collector {
  readonly #chunks: Buffer[] = [];
  readonly #expected: { text: string; found: () => void }[] = [];

  take(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes));
    const end = Buffer.concat(this.#chunks.slice(-8)).toString('latin1');
    for (const { text, found } of this.#expected) if (end.includes(text)) found();
  }

  get all(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  expect(text: string): Promise<void> {
    if (this.all.includes(text)) return Promise.resolve();
    return new Promise((found) => this.#expected.push({ text, found }));
  }
}

for (const kind of ['serial', 'virtio'] as const) {
  const start = async (parts: string, forward?: number) => {
    const socket = await listenForLine();
    const machine = await startMachine({
      timeoutMilliseconds,
      initrd: await initrd,
      serial: kind === 'serial' ? `unix:${socket.path}` : 'none',
      append: `log=error -- ${parts}`,
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
              ...['-chardev', `socket,id=console,path=${socket.path}`],
              ...['-device', 'virtconsole,chardev=console'],
            ],
    });
    const line = await socket.line;
    const collector = new Collector();
    line.onData((bytes) => collector.take(bytes));
    void machine.end.then(() => socket.close());
    return { machine, line, collector };
  };

  long(`${kind}: 10 MB pasted arrive whole`, async (t) => {
    const { machine, line, collector } = await start('paste');
    await collector.expect('paste\r\n');
    const paste = Buffer.alloc(tenMegabytes);
    for (let at = 0; at < paste.length; at += 4)
      paste.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
    line.write(paste);
    const end = await machine.end;
    const hash = createHash('sha256').update(paste).digest('hex');
    t.true(collector.all.includes(`pasted ${tenMegabytes} ${hash}\r\n`), tail(end));
    t.is(end.code, 0, tail(end));
  });

  long(`${kind}: 10 MB of output arrive whole, and a server answers meanwhile`, async (t) => {
    const port = await findFreePort(18_080);
    const { machine, collector } = await start('flood', port);
    await collector.expect('listening\r\n');
    let answers = 0;
    let isOver = false;
    void machine.end.then(() => {
      isOver = true;
    });
    while (!isOver) {
      const text = await fetch(`http://127.0.0.1:${port}`, {
        signal: AbortSignal.timeout(60_000),
      })
        .then((response) => response.text())
        .catch(() => '');
      if (text === 'here') answers += 1;
    }
    const end = await machine.end;
    t.is(end.code, 0, tail(end));
    t.true(answers > 1, `${answers} answers`);
    const text = collector.all;
    t.true(text.includes('flooded; answered meanwhile'), text.slice(-500));
    const lines = text.split('\r\n').filter((line) => line.startsWith('123456789abcdef0'));
    t.is(lines.length, 160 * 512);
    t.true(lines.every((line) => line.length === 127));
  });
}

long('an app whose output nobody reads goes on, and what was dropped is counted', async (t) => {
  const [socket, other] = [await listenForLine(), await listenForLine()];
  const machine = await startMachine({
    timeoutMilliseconds,
    initrd: await initrd,
    serial: `unix:${socket.path}`,
    append: 'log=error console=serial -- unread tell=hvc0 canonical',
    extraArguments: [
      ...['-device', 'virtio-serial-pci'],
      ...['-chardev', `socket,id=other,path=${other.path}`, '-device', 'virtconsole,chardev=other'],
    ],
  });
  const line = await socket.line;
  const collector = new Collector();
  line.onData((bytes) => collector.take(bytes));
  await collector.expect('xxxx');
  line.pause();
  const told = new Collector();
  (await other.line).onData((bytes) => told.take(bytes));
  await told.expect('done');
  line.resume();
  line.write('go on\r\x04');
  const end = await machine.end;
  await Promise.all([socket.close(), other.close()]);
  t.is(end.code, 0, tail(end));
  t.regex(collector.all, /\[runtime\] \d+ bytes of output were dropped: nobody read serial/);
  t.true(collector.all.includes('line "go on"'));
});
