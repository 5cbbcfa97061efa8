/** The system isolate starts anew with other code, on a fake kernel whose time jumps to the next deadline. */
import test from 'ava';
import { appThatAwaits, messages, runOnFakeKernel } from './shim-fixtures.ts';

/** A bundle that says what it finds, and puts another one in its place the first time. */
function bundle(next: string, then = ''): string {
  return `const { reload } = runtime;
    const encode = (text) => runtime.text.encodeUtf8(text);
    const say = (text) => runtime.log.write(2, text);
    say('old ' + reload.state() + ' ' + reload.failure());
    ${then}
    if (reload.state() === undefined) setTimeout(() => {
      reload.replace('/system/main.js', encode(${JSON.stringify(next)}));
      reload.restart('a state');
      say('never');
    }, 10);
    else say('done');`;
}

test('the next life runs other code, at once, with the state that it was left', async (t) => {
  const next = `runtime.log.write(2, 'new ' + runtime.reload.state() + ' ' + runtime.reload.failure());
    runtime.reload.keep();
    runtime.log.write(2, 'done');`;
  const { log, code } = await runOnFakeKernel(appThatAwaits(/done/), { system: bundle(next) });
  t.is(code, 0);
  t.deepEqual(messages(log, 2), ['old undefined undefined', 'new a state undefined', 'done']);
  t.deepEqual([...messages(log, 0), ...messages(log, 1)], []);
});

for (const [how, next, failure] of [
  ['throws', "throw new RangeError('not yet')", /RangeError: not yet\n.*main\.js:1:7/],
  ['cannot be parsed', 'let x = ;', /SyntaxError/],
  ['never says that it works', 'setInterval(() => {}, 1000)', /it has not started within 60 s/],
] as const) {
  test(`the code before is back when the new one ${how}`, async (t) => {
    const { log, code } = await runOnFakeKernel(appThatAwaits(/done/), { system: bundle(next) });
    t.is(code, 0);
    const [first, second, third] = messages(log, 2);
    t.is(first, 'old undefined undefined');
    t.regex(second ?? '', /^old a state /);
    t.regex(second ?? '', failure);
    t.is(third, 'done');
    t.regex(
      messages(log, 1)[0] ?? '',
      /the version that was to replace it has failed \(.+\); the one before is started again/,
    );
  });
}

test('a version that has said that it works is what is started again', async (t) => {
  const next = `runtime.reload.keep();
    runtime.log.write(2, 'new ' + runtime.reload.state() + ' ' + runtime.reload.failure());
    if (runtime.reload.state() === undefined) runtime.log.write(2, 'done');
    else setTimeout(() => { throw 'later' }, 20_000);`;
  const { log, code } = await runOnFakeKernel(appThatAwaits(/done/), { system: bundle(next) });
  t.is(code, 0);
  t.deepEqual(messages(log, 2).slice(0, 3), [
    'old undefined undefined',
    'new a state undefined',
    'new undefined an exception escaped: later\n    at /system/main.js:4:29',
  ]);
});

test('scripts that are on trial are taken back when the system isolate fails', async (t) => {
  const system = `const { reload } = runtime;
    runtime.log.write(2, 'life ' + (reload.failure() ?? 'first').slice(0, 20));
    if (reload.failure() !== undefined) runtime.log.write(2, 'done');
    else setTimeout(() => {
      reload.replace('/system/main.js', runtime.text.encodeUtf8('runtime.log.write(2, "wrong")'));
      throw new Error('in between');
    }, 10);`;
  const { log } = await runOnFakeKernel(appThatAwaits(/done/), { system });
  t.deepEqual(messages(log, 2), ['life first', 'life an exception escaped', 'done']);
});
