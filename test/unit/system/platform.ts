/** Drives createPlatform() on the fake kernel's PCI function. */
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import { createMemory } from '@runtimejs/system/memory.ts';
import { createPlatform } from '@runtimejs/system/platform.ts';

const bindings = prepareIsolate();
const memory = createMemory(bindings);
const platform = createPlatform(bindings);
bindings.loop.onTurn(() => {
  platform.turn();
  return platform.nextDeadline();
});
const report = (name: string, value: unknown): void =>
  bindings.log.write(2, `${name} ${JSON.stringify(value)}`);
const attempt = (run: () => unknown): string => {
  try {
    return `no error: ${JSON.stringify(run())}`;
  } catch (error) {
    return (error as Error).message;
  }
};

const [access] = platform.pciFunctions();
if (access === undefined) throw new Error('no function');
report('place', [access.segment, access.bus, access.device, access.function]);
report('same objects', platform.pciFunctions()[0] === access);
report('identity', access.read(0, 4).toString(16));
report('bars', [access.bar(0), access.bar(1), access.bar(2) ?? null]);
report('refused', [
  attempt(() => access.write(0x10, 4, 0)),
  attempt(() => access.mapMemory(1)),
  attempt(() => access.openPorts(0)),
]);

const registers = access.mapMemory(0);
registers.words[1] = 0x01020304;
report('registers', [...access.mapMemory(0).bytes.subarray(4, 8)]);
report('sizes', [registers.size, registers.bytes.length, registers.words.length]);

const dma = platform.allocateDma(5000);
dma.words[0] = 0xdeadbeef;
report('dma', [
  dma.size,
  dma.offset % 4096,
  dma.deviceAddress - dma.offset,
  memory.words[dma.offset >> 2],
]);
report(
  'no dma',
  attempt(() => platform.allocateDma(1 << 30)),
);

const ports = access.openPorts(1);
const message = access.allocateMessageInterrupt();
const line = access.openLineInterrupt();
report('message', [message.messageAddress > 0, message.messageData > 0, line.messageAddress]);
const heard = { message: 0, line: 0 };
message.onInterrupt(() => {
  heard.message += 1;
  message.acknowledge();
});
line.onInterrupt(() => {
  heard.line += 1;
  line.acknowledge();
});

const order: string[] = [];
const start = platform.now();
const sleep = (microseconds: number): Promise<void> =>
  new Promise((resolve) => platform.at(platform.now() + microseconds, () => resolve()));
platform.at(start + 200, () => order.push('second'));
platform.at(start + 100, () => order.push('first'));
const cancel = platform.at(start + 150, () => order.push('never'));
cancel();

async function main(): Promise<void> {
  await sleep(1000);
  report('order', order);
  report('slept', platform.now() - start >= 1000);
  for (const id of [0, 1, 0]) {
    ports.write(0, 1, id); // the fake device raises that interrupt
    await sleep(10);
  }
  report('heard', heard);
  message.release();
  ports.write(0, 1, 0);
  await sleep(10);
  report('heard after release', heard);
  platform.addEntropy(new Uint8Array(4));
  platform.log('warn', 'a warning');
  report('done', 1);
}
void main();
