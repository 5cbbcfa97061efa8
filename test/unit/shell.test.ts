/** The shell on this host: syntax, expansion, pipes and redirection, commands, interruption, a session. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSocketAddress } from '@runtimejs/shell/commands/network.ts';
import { complete } from '@runtimejs/shell/completion.ts';
import { parseThread } from '@runtimejs/shell/facts.ts';
import { Interpreter } from '@runtimejs/shell/interpreter.ts';
import { runSession } from '@runtimejs/shell/session.ts';
import { parse, SyntaxProblem } from '@runtimejs/shell/syntax.ts';
import test from 'ava';

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'shell-')));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

function createShell() {
  const interpreter = new Interpreter({ HOME: folder, NAME: 'two words', EMPTY: '' });
  interpreter.state.directory = folder;
  const run = async (line: string, input = '', signal = new AbortController().signal) => {
    const [output, errors] = [new PassThrough(), new PassThrough()];
    const shown = Promise.all([text(output), text(errors)]);
    const status = await interpreter.run(line, {
      input: Readable.from(input === '' ? [] : [input]),
      output,
      errors,
      signal,
    });
    output.end();
    errors.end();
    const [written, complaints] = await shown;
    return { status, output: written, errors: complaints };
  };
  return { interpreter, run };
}

test('reads words, quotes, pipes, redirections and lists', (t) => {
  const [first, second] = parse('a "b c"\\ d | e <f >>g 2>&1 && h # not this');
  t.is(first?.commands.length, 2);
  t.deepEqual(
    first?.commands[0]?.words.map((word) => word.map(({ text }) => text).join('')),
    ['a', 'b c d'],
  );
  t.deepEqual(
    first?.commands[1]?.redirections.map(({ operator }) => operator),
    ['<', '>>', '2>&1'],
  );
  t.is(second?.when, 'success');
  for (const [line, isIncomplete] of [
    ['echo "open', true],
    ["echo 'open", true],
    ['echo a |', true],
    ['echo a &&', true],
    ['echo \\', true],
    ['| a', false],
    ['a || ; b', false],
    ['a >', false],
    ['a &', false],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a shell writes it
    ['echo ${a-b}', false],
  ] as const) {
    const problem = t.throws(() => parse(line), { instanceOf: SyntaxProblem }, line);
    t.is(problem?.isIncomplete, isIncomplete, line);
  }
});

test('expands variables, the home directory and patterns', async (t) => {
  const { run } = createShell();
  mkdirSync(path.join(folder, 'patterns/sub'), { recursive: true });
  for (const name of ['a.txt', 'b.txt', 'c.md', '.hidden', 'sp ace.txt']) {
    writeFileSync(path.join(folder, 'patterns', name), name);
  }
  writeFileSync(path.join(folder, 'patterns/sub/d.txt'), '');
  const echo = async (words: string) => (await run(`echo ${words}`)).output.trimEnd();
  t.is(
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a shell writes it
    await echo('$NAME "$NAME" \'$NAME\' \\$NAME x${NAME}y'),
    'two words two words $NAME $NAME xtwo wordsy',
  );
  t.is(await echo('[$EMPTY] ["$EMPTY"] $NOTHING end'), '[] [] end');
  t.is(await echo('~/x "~"'), `${folder}/x ~`);
  t.is(await echo('patterns/*.txt'), 'patterns/a.txt patterns/b.txt patterns/sp ace.txt');
  t.is(
    await echo('patterns/?.txt patterns/[!a].txt patterns/[a-b].*'),
    'patterns/a.txt patterns/b.txt patterns/b.txt patterns/a.txt patterns/b.txt',
  );
  t.is(
    await echo('patterns/*/*.txt "patterns/*.txt" nothing*'),
    'patterns/sub/d.txt patterns/*.txt nothing*',
  );
  t.is(await echo(`${folder}/patt*/.h*`), `${folder}/patterns/.hidden`);
  t.is(await echo('patterns/[z-a]* patterns/['), 'patterns/[z-a]* patterns/[');
  t.is((await run('X=1 Y="a b"; echo $X-$Y; false; echo $?')).output, '1-a b\n1\n');
});

test('pipes, redirections and lists', async (t) => {
  const { run } = createShell();
  const file = path.join(folder, 'out');
  t.is(
    (await run('echo one > out; echo two >> out; cat < out | grep -v one | wc')).output,
    '1 1 4\n',
  );
  t.is(readFileSync(file, 'utf8'), 'one\ntwo\n');
  t.is(
    (await run('nosuch 2> err; cat err')).output,
    'nosuch: there is no such command; help lists them\n',
  );
  t.is((await run('ls /nosuch 2>&1 | wc')).output.split(' ')[0], '1');
  t.is((await run('true && echo a || echo b; false && echo c || echo d')).output, 'a\nd\n');
  t.is((await run('cat | tail -n 1', 'x\ny\nz')).output, 'z\n');
  const missing = await run('cat < missing; echo $?');
  t.regex(missing.errors, /missing: there is no such file/);
  t.is(missing.output, '1\n');
  t.is((await run('cat /dev/zero | head -n 0')).status, 0, 'who only writes ends with its reader');
  t.deepEqual(await run('grep'), {
    status: 2,
    output: '',
    errors: 'grep: a pattern is missing\nusage: grep [-c] [-i] [-v] PATTERN [FILE...]\n',
  });
  t.is((await run('echo "')).status, 2);
});

test('files: mkdir cp mv rm ls df', async (t) => {
  const { run } = createShell();
  t.deepEqual(await run('mkdir -p d/e && echo x > d/f && cp -r d g && mv g/f h && rm -r d'), {
    status: 0,
    output: '',
    errors: '',
  });
  t.is((await run('cat h; ls g')).output, 'x\ne\n');
  t.regex((await run('ls -l h')).output, /^-rw-.*\s1\s+2\s+\d{4}-\d\d-\d\d \d\d:\d\d {2}h\n$/);
  t.regex((await run('cp g nowhere')).errors, /cp: /);
  t.regex((await run('rm nothere; mkdir h')).errors, /no such file.*\n.*exists already/);
  t.is((await run('rm -f nothere')).status, 0);
  t.regex((await run('df /')).output, /Mounted at\n.* \/\n$/);
  t.is((await run('cd g; pwd; cd -; pwd')).output, `${folder}/g\n${folder}\n`);
});

test('facts of /proc agree with what Node says', async (t) => {
  const { run } = createShell();
  const free = (await run('free -b')).output;
  const { total } = { total: Number(/total\s+(\d+)/.exec(free)?.[1]) };
  t.is(total, (await import('node:os')).totalmem());
  const threads = (await run('ps')).output.trimEnd().split('\n').slice(1);
  t.true(threads.length > 4);
  t.true(threads.some((line) => line.trim().startsWith(`${process.pid} `)));
  t.deepEqual(parseThread('7 (a (b) c) S 0 1 1 0 -1 4194304 9 0 0 0 12 34 0 0 20 0 5 0 77 1'), {
    id: 7,
    name: 'a (b) c',
    state: 'S',
    nice: 0,
    userTicks: 12,
    systemTicks: 34,
    startTicks: 77,
  });
  t.is(parseThread('nonsense'), undefined);
  t.is(parseSocketAddress('0100007F:1F90'), '127.0.0.1:8080');
  t.is(parseSocketAddress('00000000000000000000000000000000:0016'), '[::]:22');
  t.is(parseSocketAddress('0000000000000000FFFF00000100007F:0000'), '[::ffff:127.0.0.1]:*');
  t.is(
    parseSocketAddress('B80D01200000000000000000010000000:0050'.replace('010000000', '01000000')),
    '[2001:db8::1]:80',
  );
});

test('net shows a socket that listens, and curl reads from it', async (t) => {
  const { run } = createShell();
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/bad' ? 404 : 200, { 'x-test': 'yes' });
    response.end(`${request.method} ${request.url}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    t.regex((await run('net sockets')).output, new RegExp(`tcp +127\\.0\\.0\\.1:${port} .*LISTEN`));
    t.is((await run(`curl http://127.0.0.1:${port}/a`)).output, 'GET /a');
    t.regex(
      (await run(`curl -i -d x 127.0.0.1:${port}`)).output,
      /^HTTP 200.*x-test: yes.*POST \/$/s,
    );
    t.is((await run(`curl -f http://127.0.0.1:${port}/bad`)).status, 22);
    await run(`curl -o got http://127.0.0.1:${port}/b`);
    t.is((await run('cat got')).output, 'GET /b');
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  const unused = createServer();
  await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
  const free = (unused.address() as AddressInfo).port;
  await new Promise((resolve) => unused.close(resolve));
  t.regex((await run(`curl http://127.0.0.1:${free}`)).errors, /curl: .*nothing listens there/);
});

test('Ctrl-C ends what runs, also what does not heed it', async (t) => {
  const { run } = createShell();
  for (const line of [
    'sleep 100',
    'cat /dev/zero | wc',
    'sleep 100 | sleep 100; echo no',
    'node -e "new Promise(() => {})"',
  ]) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    const { status, output } = await run(line, '', abort.signal);
    t.is(status, 130, line);
    t.is(output, '', line);
  }
});

test('completes commands, files and variables', async (t) => {
  const { interpreter } = createShell();
  mkdirSync(path.join(folder, 'complete/inner'), { recursive: true });
  writeFileSync(path.join(folder, 'complete/a file'), '');
  const words = async (line: string) => (await complete(line, interpreter.state))[0];
  t.deepEqual(await words('lsp'), ['lspci ']);
  t.deepEqual(await words('echo x | unse'), ['unset ']);
  t.deepEqual(await words('cat complete/'), ['complete/a\\ file ', 'complete/inner/']);
  t.deepEqual(await words('cat complete/a\\ f'), ['complete/a\\ file ']);
  t.deepEqual(await words('echo $NA'), ['$NAME']);
  t.deepEqual(await words('cat nosuch/'), []);
});

/** A terminal that is a pair of streams. */
function terminal() {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
  let shown = '';
  output.on('data', (bytes: Buffer) => {
    shown += bytes.toString();
  });
  const until = async (pattern: RegExp) => {
    for (let left = 600; left > 0; left--) {
      if (pattern.test(shown)) return;
      await sleep(25);
    }
    throw new Error(`${pattern} does not appear in ${JSON.stringify(shown)}`);
  };
  const type = (keys: string) => {
    shown = '';
    input.write(keys);
  };
  return { input, output, until, type };
}

test('a session: editing, history, several lines, Ctrl-C, Ctrl-D, exit', async (t) => {
  const { input, output, until, type } = terminal();
  const ended = runSession(input, output, 'hello\n');
  await until(/hello[\s\S]*\$ /);
  type('echo abX\x7fc\r');
  await until(/\nabc\n[\s\S]*\$ /);
  type('\x1b[A\r'); // up: the line before
  await until(/\nabc\n[\s\S]*\$ /);
  type('echo "one\r');
  await until(/0J> /);
  type('two"\r');
  await until(/one\ntwo\n[\s\S]*\$ /);
  type('half a line\x03');
  await until(/\^C[\s\S]*\$ /);
  type('sleep 1000\r');
  await until(/sleep 1000/);
  await sleep(200);
  type('\x03');
  await until(/\^C[\s\S]*\$ /);
  type('echo $?\r');
  await until(/\n130\n[\s\S]*\$ /);
  type('cat\r');
  await sleep(300);
  type('typed\r');
  await until(/typed[\s\S]*typed/);
  type('\x04'); // the end of cat's input, not of the shell
  await until(/\$ /);
  type('exit 7\r');
  t.is(await ended, 7);
});

test('a session ends with its input', async (t) => {
  const input = Readable.from(['echo a\n', 'false\n']);
  const output = new PassThrough();
  const shown = text(output);
  t.is(await runSession(input, output, ''), 1);
  output.end();
  t.is(await shown, 'a\n');
});
