/** Threads of an app that call the system isolate: the bindings, on a fake kernel. */
import test from 'ava';
import { messages, runOnFakeKernel } from './shim-fixtures.ts';

/** What an app's threads begin with. */
const caller = `
  const { channel } = process._linkedBinding('runtime_isolates');
  const { keepAlive } = process._linkedBinding('runtime_isolates').isolates;
  const into = new Uint8Array(100);
  function call(words, heard) {
    const id = channel.callSystem();
    channel.onNews((kind, from) => {
      const length = channel.receive(from, into) & 0x1fff_ffff;
      const closure = channel.closure(from);
      if (closure === undefined && length > 50) return;
      keepAlive(0);
      heard(closure?.[2] ?? Buffer.from(into.subarray(0, length)).toString());
    });
    keepAlive(1);
    channel.post(id, Buffer.from(words));
  }`;

/** A system isolate that answers each caller in capitals. */
const answers = `
  const { channel, text } = runtime;
  const into = new Uint8Array(100);
  channel.onNews((kind, id) => {
    if (kind === 3) {
      while (channel.accept() !== 0);
      return;
    }
    const result = channel.receive(id, into);
    if (result < 0) return;
    const words = text.decodeUtf8(into.subarray(0, result & 0x1fff_ffff));
    channel.post(id, text.encodeUtf8(words.toUpperCase()));
    runtime.log.write(2, 'answered');
  });
  channel.listen();`;

test('the app and its Workers each have a channel to the system isolate', async (t) => {
  const app = `${caller}
    const { isMainThread, Worker } = require('worker_threads');
    call('from the app', (words) => {
      console.log(words);
      new Worker(${JSON.stringify(`${caller} call('from a Worker', (words) => console.log(words));`)}, { eval: true });
    });`;
  const { stdout, code, log } = await runOnFakeKernel(['-e', app], {
    system: answers,
    environment: { FAKE_KERNEL_CLOCK: 'real' },
  });
  t.is(code, 0);
  t.is(stdout, 'FROM THE APP\nFROM A WORKER\n');
  t.is(messages(log, 2).filter((text) => text === 'answered').length, 2);
});

test('a system isolate that does not listen tells callers at once', async (t) => {
  const { stdout, code } = await runOnFakeKernel(
    ['-e', `${caller} call('anybody?', (words) => console.log(words));`],
    { system: 'runtime.channel.onNews(() => {});', environment: { FAKE_KERNEL_CLOCK: 'real' } },
  );
  t.is(code, 0);
  t.is(
    stdout,
    'The composition gives the app no endpoints: name them in "endpoints" of runtime.config.ts.\n',
  );
});

test('without a system isolate there is nobody to call', async (t) => {
  const { stdout } = await runOnFakeKernel([
    '-e',
    `${caller} try { call('anybody?'); } catch (error) { console.log(error.code); }`,
  ]);
  t.is(stdout, 'ENOENT\n');
});
