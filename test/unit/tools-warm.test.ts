// Warm images, as far as no machine is needed: the state in a machine's memory, and the modules of an app.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { CpioWriter } from '../../lib/base/src/cpio.ts';
import { ToolError } from '../../lib/cli/src/command.ts';
import { collectState, pageBytes, parsePlace } from '../../lib/cli/src/warm/state.ts';
import { builtinsOf, refuseInspector } from '../../lib/cli/src/warm/warm-image.ts';
import { temporaryFolder } from './tools-fixtures.ts';

const headBytes = 64;

/** Memory with a state at page 1 and the given pages behind it. */
function memoryWith(pages: readonly (readonly [address: bigint, fill: number])[]) {
  const bytes = headBytes + pages.length * 16;
  const memory = Buffer.alloc((2 + pages.length) * pageBytes);
  const state = memory.subarray(pageBytes);
  state.write('RJSWARM1', 'latin1');
  state.writeBigUInt64LE(BigInt(bytes), 8);
  state.writeBigUInt64LE(BigInt(headBytes), 16);
  state.writeBigUInt64LE(BigInt(pages.length), 24);
  for (const [index, [address, fill]] of pages.entries()) {
    const frame = (2 + index) * pageBytes;
    state.writeBigUInt64LE(address, headBytes + index * 16);
    state.writeBigUInt64LE(BigInt(frame), headBytes + index * 16 + 8);
    memory.fill(fill, frame, frame + pageBytes);
  }
  const read = (address: number, length: number) =>
    Buffer.from(memory.subarray(address, address + length));
  return { place: { address: pageBytes, bytes }, read, memory };
}

test('the place of the state is in what the kernel says at its end', (t) => {
  t.deepEqual(parsePlace('frozen at 4096, 123 bytes'), { address: 4096, bytes: 123 });
  for (const other of [undefined, 'exit', 'not frozen', 'frozen at x, 1 bytes', 'frozen at 1, 2']) {
    t.is(parsePlace(other), undefined);
  }
});

test('pages get numbers, and those that hold nothing are left out', (t) => {
  const { place, read } = memoryWith([
    [0x1000n, 7],
    [0x2000n, 0],
    [0x9000n, 9],
  ]);
  const { state, pages } = collectState(place, read);
  t.is(state.readBigUInt64LE(24), 2n);
  const entries = [0, 1].map((index) =>
    [0, 8].map((offset) => state.readBigUInt64LE(headBytes + index * 16 + offset)),
  );
  t.deepEqual(entries, [
    [0x1000n, 0n],
    [0x9000n, 1n],
  ]);
  t.is(pages.length, 2 * pageBytes);
  t.deepEqual([pages[0], pages[pageBytes]], [7, 9]);
});

test('what is no state is refused', (t) => {
  const { place, read, memory } = memoryWith([]);
  memory.write('X', pageBytes);
  t.throws(() => collectState(place, read), { instanceOf: ToolError, message: /no state/ });
  const other = memoryWith([]);
  const shorter = { ...other.place, bytes: other.place.bytes - 8 };
  t.throws(() => collectState(shorter, other.read), { instanceOf: ToolError });
});

test("Node's modules that an app starts with are found in its bundle", async (t) => {
  const file = path.join(await temporaryFolder(t), 'initrd');
  const archive = await CpioWriter.create(file);
  await archive.addFile(
    '/app/main.mjs',
    `const { createServer: a } = process.getBuiltinModule("node:http");
     const b = process.getBuiltinModule('fs/promises'); import * as c from "node:zlib";
     import d from 'other'; import "./chunk.mjs";`,
  );
  await archive.addFile('/app/chunk.mjs', 'import { x } from "node:http"; getBuiltinModule(name);');
  await archive.addFile('/app/page.html', 'from "node:tls"');
  await archive.addFile('/app/node_modules/a/index.mjs', 'import "node:net"; from "node:net"');
  await archive.finish();
  t.is(builtinsOf(await readFile(file)), 'fs/promises\nhttp\nzlib\n');
});

test('an inspector that would listen is refused, before a machine waits for a network', (t) => {
  const message = /^No warm image can be made with --inspect=9229: /;
  t.throws(() => refuseInspector(['--inspect=9229'], {}), { instanceOf: ToolError, message });
  const variables = { NODE_OPTIONS: '--no-warnings --inspect=9229' };
  t.throws(() => refuseInspector([], variables), { instanceOf: ToolError, message });
  t.notThrows(() => refuseInspector(['--max-old-space-size=64'], { NODE_OPTIONS: '' }));
});
