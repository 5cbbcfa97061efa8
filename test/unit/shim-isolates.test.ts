/** Isolates that the system isolate starts, and their channels: the bindings, on a fake kernel. */
import test from 'ava';
import { appThatAwaits, type KernelOutcome, messages, runOnFakeKernel } from './shim-fixtures.ts';

/** A function for scripts: the result of channel.receive() without RUNTIME_RECEIVED_ATTACHMENTS and _LAST. */
const lengthOf = 'const lengthOf = (result) => (result < 0 ? result : result & 0x1fff_ffff);';

/** What the scripts of the system isolate begin with: it says what comes, and what ends. */
const parent = `
  const say = (text) => runtime.log.write(2, text);
  const { isolates, channel, text } = runtime;
  const into = new Uint8Array(20000);
  const names = new Map();
  let running = 0;
  let heard = () => {};
  let tellsClosures = false;
  let over = () => say('done');
  function spawn(name, { script = name, heap = 32 << 20, messages = 0 } = {}) {
    const spawned = isolates.spawn(name, script + '.js', heap, messages, 0, 0, { id: 0, channel: 0 });
    names.set(spawned.id, name);
    running++;
    return spawned;
  }
  function send(to, words, attachments) {
    return channel.send(to, text.encodeUtf8(words), attachments);
  }
  ${lengthOf}
  function receiveAll(from) {
    for (;;) {
      const length = lengthOf(channel.receive(from, into));
      if (length < 0) break;
      heard(text.decodeUtf8(into.subarray(0, length)), channel.attachments() ?? [], from);
    }
    const closure = channel.closure(from);
    if (closure !== undefined) {
      channel.release(from);
      if (tellsClosures) say('closed: ' + closure[0] + ' ' + closure[1] + ' ' + closure[2]);
    }
  }
  channel.onNews((kind, id) => {
    if (kind === 1) return receiveAll(id);
    const [how, report] = isolates.ending(id);
    say(names.get(id) + ': ' + how + ' ' + report);
    isolates.release(id);
    if (--running === 0) over();
  });`;

/** What the scripts of isolates begin with. */
const child = `
  ${lengthOf} const { channel, text } = runtime;
  const into = new Uint8Array(20000);
  const say = (words) => runtime.log.write(2, words);
  const send = (words, attachments) => channel.send(1, text.encodeUtf8(words), attachments);
  let heard = () => {};
  channel.onNews((kind, id) => {
    for (;;) {
      const length = lengthOf(channel.receive(id, into));
      if (length < 0) break;
      heard(text.decodeUtf8(into.subarray(0, length)), channel.attachments() ?? [], id);
    }
    if (channel.closure(id)) channel.release(id);
  });`;

/** Runs a system isolate that says `done` in the end. @returns what was said */
async function run(
  system: string,
  scripts: Readonly<Record<string, string>>,
): Promise<{ said: string[]; outcome: KernelOutcome }> {
  const outcome = await runOnFakeKernel(appThatAwaits(/done/), {
    system: `${parent}\n${system}`,
    files: Object.fromEntries(
      Object.entries(scripts).map(([name, script]) => [`${name}.js`, script]),
    ),
    environment: { FAKE_KERNEL_CLOCK: 'real' },
  });
  return { said: messages(outcome.log, 2), outcome };
}

test('messages go both ways, whole and in order, and an isolate ends when nothing is left', async (t) => {
  const { said, outcome } = await run(
    `heard = (words) => say('heard ' + words);
     const { channel: to } = spawn('echo');
     for (let count = 0; count < 5; count++) send(to, 'message ' + count);
     channel.close(to, 'enough');`,
    { echo: `${child} heard = (words) => send(words.toUpperCase());` },
  );
  t.is(outcome.code, 0);
  // The channel was closed from here: what comes back after that is dropped.
  t.deepEqual(said.slice(-2), ['echo: 1 ', 'done']);
  const { said: answers } = await run(
    `let count = 0;
     tellsClosures = true;
     heard = (words) => { say(words); if (++count === 5) channel.close(to, 'enough'); };
     const { channel: to } = spawn('echo');
     for (let count = 0; count < 5; count++) send(to, 'message ' + count);`,
    { echo: `${child} heard = (words) => send(words.toUpperCase());` },
  );
  t.deepEqual(answers, [
    ...[0, 1, 2, 3, 4].map((count) => `MESSAGE ${count}`),
    'closed: 1 true enough',
    'echo: 1 ',
    'done',
  ]);
});

test('an isolate has nothing but its channels', async (t) => {
  const { said } = await run(`spawn('bare');`, {
    bare: `${child}
      say('groups ' + Object.keys(runtime).sort());
      say('clock ' + Object.keys(runtime.clock).sort());
      for (const forged of [0, 2, 3, 1e6]) {
        try { channel.send(forged, new Uint8Array(1)); say('sent'); } catch (error) { say(String(error)); }
      }
      try { channel.send(1, new Uint8Array(1), [2]); } catch (error) { say(String(error)); }
      channel.release(1);`,
  });
  t.deepEqual(said, [
    'bare: groups channel,clock,grant,grantedSerial,isolate,log,loop,random,text',
    'bare: clock monotonic,now,uptime,wall',
    ...[0, 2, 3, 1_000_000].map(
      (id) => `bare: RangeError: channel.send: this isolate has no channel ${id}`,
    ),
    'bare: RangeError: channel.send: this isolate has no channel 2',
    'bare: 1 ',
    'done',
  ]);
});

test('buffers and channels move with messages', async (t) => {
  const { said } = await run(
    `const { channel: to } = spawn('worker');
     const { first, second } = channel.create({ first: 0, second: 0 });
     const moved = new ArrayBuffer(1 << 24);
     new Uint8Array(moved)[12345] = 67;
     const shared = new SharedArrayBuffer(4);
     say('sent ' + send(to, 'take', [moved, second, shared]) + ' ' + moved.byteLength);
     heard = (words, [buffer]) => {
       say(words + ' ' + buffer.byteLength + ' ' + new Uint8Array(buffer)[1] + ' ' + new Int32Array(shared)[0]);
       channel.close(first, '');
       channel.close(to, '');
     };`,
    {
      worker: `${child}
        heard = (words, [buffer, other, shared]) => {
          say(words + ' ' + buffer.byteLength + ' ' + new Uint8Array(buffer)[12345]);
          Atomics.store(new Int32Array(shared), 0, 89);
          const back = Uint8Array.of(1, 2, 3).buffer;
          channel.send(other, text.encodeUtf8('back'), [back]);
        };`,
    },
  );
  t.deepEqual(said, ['sent 1 0', 'worker: take 16777216 67', 'back 3 2 89', 'worker: 1 ', 'done']);
});

test('what cannot be sent is refused, and nothing moves', async (t) => {
  const { said } = await run(
    `const { channel: to } = spawn('quiet');
     const attempts = {
       number: [5], text: ['a'], object: [{}], hole: [,],
       itself: [to],
       accessor: Object.defineProperty([], 0, { get() { say('an accessor runs'); return good; } }),
       arena: [runtime.broker.attach()],
     };
     const good = new ArrayBuffer(8);
     for (const [name, list] of Object.entries(attempts)) {
       try { say(name + ' ' + send(to, '', [good, ...(name === 'accessor' ? [] : list)].concat([])) ); }
       catch (error) { say(name + ': ' + error.name + ' ' + good.byteLength); }
     }
     try { say('accessor: ' + send(to, '', attempts.accessor)); } catch (error) { say('accessor: ' + good.byteLength); }
     try { send(to, '', [good, good]); } catch (error) { say(error.message + ' ' + good.byteLength); }
     try { channel.send(to, new Uint8Array(16385)); } catch (error) { say(error.name); }
     try { send(to, '', Array.from({ length: 65 }, () => new ArrayBuffer(1))); } catch (error) { say(error.message); }
     const gone = new ArrayBuffer(1); gone.transfer();
     try { send(to, '', [gone]); } catch (error) { say(error.name); }
     channel.close(to, '');`,
    { quiet: child },
  );
  t.deepEqual(said, [
    'number: RangeError 8',
    'text: TypeError 8',
    'object: TypeError 8',
    'hole: TypeError 8',
    'itself: TypeError 8',
    'accessor 1',
    'arena: TypeError 0',
    'accessor: 0',
    "channel.send: argument 'attachments' must be an array of ArrayBuffers that can be moved, SharedArrayBuffers and channels 0",
    'RangeError',
    "channel.send: argument 'attachments' must be an array of 64 things at most",
    'TypeError',
    'quiet: 1 ',
    'done',
  ]);
});

test('a full channel refuses, says when there is room again, and loses nothing', async (t) => {
  const { said } = await run(
    `const { channel: to } = spawn('slow');
     let next = 0;
     let refusals = 0;
     const bytes = new Uint8Array(1000);
     const fill = () => {
       for (; next < 5000; next++) {
         new Uint32Array(bytes.buffer)[0] = next;
         if (channel.send(to, bytes) === 2) { refusals++; return; }
       }
       clearInterval(timer);
       channel.close(to, '');
     };
     const timer = setInterval(fill, 1);
     over = () => { say(refusals > 0 ? 'it was refused' : 'it never was full'); say('done'); };`,
    {
      slow: `const { channel } = runtime;
        const into = new Uint8Array(1000);
        let expected = 0;
        channel.onNews(() => {
          while (channel.receive(1, into) > 0) {
            if (new Uint32Array(into.buffer)[0] !== expected++) throw new Error('out of order');
          }
          if (channel.closure(1)) { runtime.log.write(2, 'received ' + expected); channel.release(1); }
        });`,
    },
  );
  t.deepEqual(said, ['slow: received 5000', 'slow: 1 ', 'it was refused', 'done']);
});

test('buffers under way are bounded, too', async (t) => {
  const { said } = await run(
    `const { channel: to, id } = spawn('deaf');
     let sent = 0;
     while (send(to, '', [new ArrayBuffer(1 << 24)]) === 1) sent++;
     say('sent ' + sent);
     isolates.kill(id, 'enough');`,
    { deaf: 'for (;;) {}' },
  );
  t.is(said[0], 'sent 4');
});

const misbehaviours: readonly { name: string; script: string; ending: RegExp; heap?: number }[] = [
  {
    name: 'exception',
    script: 'function bad() { throw new RangeError("no"); }\nsetTimeout(() => bad(), 1);',
    ending: /^2 an exception escaped: RangeError: no\n {4}at bad \(exception\.js:1:24\)\n/,
  },
  {
    name: 'hostile-exception',
    script: 'const e = new Error("x"); e.toString = () => { for (;;); };\nthrow e;',
    ending: /^2 an exception escaped: Error: x\n {4}at hostile-exception\.js:1:11/,
  },
  {
    name: 'syntax',
    script: '\nlet x = ;',
    ending: /^2 an exception escaped: SyntaxError: Unexpected token ';'\n {4}at syntax\.js:2:9/,
  },
  {
    name: 'rejection',
    script: 'async function bad() { await 1; throw new Error("late"); }\nbad();',
    ending:
      /^2 a promise was rejected and nothing handles it: Error: late\n {4}at bad \(rejection\.js:1:39\)/,
  },
  {
    name: 'recursion',
    script: 'function again() { return again() + 1; }\nagain();',
    ending:
      /^2 an exception escaped: RangeError: Maximum call stack size exceeded\n {4}at again \(recursion\.js:1:/,
  },
  {
    name: 'heap',
    script:
      'const kept = [];\nfunction hoard() { for (;;) kept.push({ a: [kept.length] }); }\nhoard();',
    ending: /^3 its memory limit of 32 MiB is reached\n {4}at hoard \(heap\.js:2:/,
  },
  {
    name: 'large',
    script:
      'const kept = [];\nfunction hoard() { for (;;) kept.push(new Array(3_000_000).fill(1.5)); }\nhoard();',
    ending: /^3 its memory limit of 32 MiB is reached/,
  },
  {
    name: 'buffers',
    script:
      'const kept = [];\nfunction hoard() { for (;;) kept.push(new Uint8Array(1 << 20)); }\nhoard();',
    ending: /^3 its memory limit of 32 MiB is reached[\s\S]*\n {4}at hoard \(buffers\.js:2:/,
  },
  {
    name: 'text',
    script: 'let text = "ab";\nfor (;;) text = (text + text).replace("a", "b");',
    ending: /^2 an exception escaped: RangeError: Invalid string length\n {4}at text\.js:2:/,
  },
];

for (const { name, script, ending } of misbehaviours) {
  test(`stopped with a report: ${name}`, async (t) => {
    const { said, outcome } = await run(
      `spawn('${name}');
       let beats = 0;
       setInterval(() => beats++, 1);`,
      { [name]: script },
    );
    t.is(outcome.code, 0, outcome.stderr);
    t.regex(said[0]?.slice(name.length + 2) ?? '', ending);
  });
}

test('an endless loop is killed from outside, with a report of where it was', async (t) => {
  const { said } = await run(
    `const { id } = spawn('loop');
     heard = (words) => { if (words === 'spins') isolates.kill(id, 'it takes too long'); };
     const { id: other } = spawn('waits');
     isolates.kill(other, 'not needed');`,
    { loop: `${child} function spin() { send('spins'); for (;;); }\nspin();`, waits: child },
  );
  t.regex(
    said.find((line) => line.startsWith('loop')) ?? '',
    /^loop: 4 it takes too long\n {4}at spin \(loop\.js:14:/,
  );
  t.regex(said.find((line) => line.startsWith('waits')) ?? '', /^waits: 4 not needed/);
});

test('loops in promises, regular expressions and WebAssembly end, too, and who waits for memory', async (t) => {
  const scripts = {
    promises: '(async () => { for (;;) await null; })();',
    pattern: '/^(a+)+$/.test("a".repeat(60) + "b");',
    sort: 'for (;;) new Array(100000).fill(0).map((_, i) => -i).sort();',
    handler: 'for (;;) { try { for (;;); } finally { continue; } }',
    waits: 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
    json: 'const a = []; for (let at = 0; at < 1e5; at++) a.push([at]); for (;;) JSON.parse(JSON.stringify(a));',
    wasm: `const bytes = new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]);
      new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f();`,
  };
  const names = Object.keys(scripts);
  const { said } = await run(
    `for (const name of ${JSON.stringify(names)}) {
       const { id } = spawn(name);
       const watch = setInterval(() => {
         const { takenNanoseconds, turnNanoseconds } = isolates.figures(id, {});
         if (turnNanoseconds > 0 && takenNanoseconds - turnNanoseconds > 3e7) { clearInterval(watch); isolates.kill(id, 'enough'); }
       }, 5);
     }`,
    scripts,
  );
  t.deepEqual(
    said
      .filter((line) => line !== 'done')
      .map((line) => line.split('\n')[0])
      .sort(),
    names.map((name) => `${name}: 4 enough`).sort(),
  );
});

test('too many messages in a second stop who sends them', async (t) => {
  const { said } = await run(`spawn('flood', { messages: 1000 });`, {
    flood: `${child}\nfunction flood() { for (;;) send('x'); }\nflood();`,
  });
  t.true(
    said.some((line) =>
      /^flood: 3 it sends more than 1000 messages in a second\n {4}at send .*\n {4}at flood/.test(
        line,
      ),
    ),
    said.join('\n'),
  );
});

test('who is told when an isolate dies, and what became of what it was sent', async (t) => {
  const { said } = await run(
    `tellsClosures = true;
     const { channel: to, id } = spawn('dies');
     const { first, second } = channel.create({ first: 0, second: 0 });
     send(to, 'take', [second]);
     heard = () => isolates.kill(id, 'its time has come');
     over = () => setTimeout(() => { say('to the dead: ' + (() => { try { return send(first, 'x'); } catch (e) { return e.name; } })()); say('done'); }, 10);`,
    { dies: `${child} heard = () => send('alive');` },
  );
  t.deepEqual(said.slice(0, 2).sort(), [
    'closed: 2 false dies: its time has come',
    'closed: 2 false dies: its time has come',
  ]);
  t.is(said.at(-2), 'to the dead: RangeError');
});

test('channels in channels, deep, are let go', async (t) => {
  const { said } = await run(
    `const { id } = spawn('nests');
     over = () => { say('done'); };`,
    {
      nests: `${child}
        const create = () => channel.create({ first: 0, second: 0 });
        let { first, second } = create();
        for (let depth = 0; depth < 200; depth++) {
          const next = create();
          channel.send(next.first, into.subarray(0, 1), [second]);
          channel.release(first);
          ({ first, second } = next);
        }
        let made = 0;
        try { for (;;) { create(); made++; } } catch (error) { say(error.code + ' ' + (made > 50)); }
        runtime.isolate.finish();`,
    },
  );
  t.deepEqual(said, ['nests: EMFILE true', 'nests: 1 ', 'done']);
});

test('an isolate cannot start others, and who has no such script is told', async (t) => {
  const { said } = await run(
    `try { spawn('missing'); } catch (error) { say(error.code); running = 0; }
     spawn('tries');`,
    { tries: `runtime.log.write(2, String('isolates' in runtime)); runtime.channel.release(1);` },
  );
  t.deepEqual(said, ['ENOENT', 'tries: false', 'tries: 1 ', 'done']);
});

test('a flood of lines for the log is cut', async (t) => {
  const { said, outcome } = await run(`spawn('talks');`, {
    talks: `for (let line = 0; line < 5000; line++) runtime.log.write(2, 'line ' + line);
      setTimeout(() => { runtime.log.write(2, 'last'); runtime.channel.release(1); }, 1500);`,
  });
  t.true(said.length < 1000);
  t.true(messages(outcome.log, 1).some((line) => /^talks: \d+ lines were too many/.test(line)));
});

test('isolates start and end by the hundred, and what they had is given back', async (t) => {
  const { said } = await run(
    `let left = 300;
     const more = () => { if (left-- > 0) spawn('short'); };
     over = () => left > 0 ? more() : say('done');
     for (let at = 0; at < 4; at++) more();
     const before = running;
     over = () => { if (left > 0) for (let at = 0; at < 4; at++) more(); else say('done'); };`,
    { short: `runtime.channel.release(1);` },
  );
  t.is(said.filter((line) => line === 'short: 1 ').length, 300);
});

for (const [how, then] of [
  ['by itself', 'clearInterval(timer)'],
  ['by process.exit()', 'process.exit(7)'],
] as const) {
  test(`the app ends ${how} beside isolates that do not`, async (t) => {
    const { code, signal } = await runOnFakeKernel(appThatAwaits(/done/, then), {
      system: `${parent}\nspawn('loop'); spawn('waits'); setTimeout(() => say('done'), 100);`,
      files: { 'loop.js': 'for (;;);', 'waits.js': child },
      environment: { FAKE_KERNEL_CLOCK: 'real' },
    });
    t.is(signal, null);
    t.is(code, how === 'by itself' ? 0 : 7);
  });
}

test('when the isolate that has started them fails, they end with it', async (t) => {
  const { log, code } = await runOnFakeKernel(appThatAwaits(/started again/), {
    system: `${parent}\nspawn('beats');
      let heardBeat = 0;
      heard = () => { if (++heardBeat === 3) throw new Error('the parent fails'); };`,
    files: { 'beats.js': `${child}\nsetInterval(() => send('beat'), 5);` },
    environment: { FAKE_KERNEL_CLOCK: 'real' },
  });
  t.is(code, 0);
  t.true(messages(log, 0).some((line) => line.includes('the parent fails')));
});

test('an end does not go into a message that only it could receive', async (t) => {
  const { said } = await run(
    `const pair = () => channel.create({ first: 0, second: 0 });
     const attempt = (to, end) => {
       try {
         say('result ' + send(to, 'an end', [end]));
       } catch (error) {
         say(String(error));
       }
     };
     const [a, b, c] = [pair(), pair(), pair()];
     attempt(a.first, b.second);
     attempt(b.first, c.second);
     attempt(b.first, a.second); // in b's inbox, which lies in a's
     attempt(c.first, a.second); // in c's inbox, which lies in b's, which lies in a's
     channel.receive(a.second, into);
     const [received] = channel.attachments();
     attempt(c.first, a.second); // b is out of a
     channel.receive(received, into);
     const [last] = channel.attachments();
     heard = (words, ends) => say('received ' + ends.length);
     receiveAll(last);
     say('done');`,
    {},
  );
  const refused =
    "TypeError: channel.send: argument 'attachments' must be an array without the channel by which alone its " +
    'message could be received';
  t.deepEqual(said, [
    ...['result 1', 'result 1', refused, refused, 'result 1', 'received 1', 'done'],
  ]);
});
