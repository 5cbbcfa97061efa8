// Images boot: from a virtio disk under SeaBIOS and OVMF, and as a CD. Every machine runs the same small app,
// which says where it runs and ends.
import { copyFile, mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { identifyImage } from '../../lib/cli/src/app/identify.ts';
import {
  abnormalEnd,
  detectAccelerator,
  type MachineEnd,
  parseStatus,
} from '../../lib/cli/src/machine.ts';
import { cacheFolder, inRepository, loaderFolder, runtimeImage } from '../../lib/cli/src/paths.ts';
import { prepareDeployment } from '../../lib/deploy/src/index.ts';
import { findTarget } from '../../lib/deploy/src/targets.ts';
import { type DiskFormat, digestFile, makeImage } from '../../lib/image/src/index.ts';
import { guestInitrd } from './support/guest.ts';

const bootLimit = 300_000;
const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-images-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** Debian's firmware (package ovmf). */
const firmware = {
  code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
  variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
} as const;

const frames = path.join(cacheFolder, 'frames');

async function source() {
  return {
    runtime: runtimeImage,
    initrd: await guestInitrd('hello', 'apps/hello.ts'),
    commandLine: 'log=info -- "from an image"',
    loaders: loaderFolder,
  };
}

async function image(format: DiskFormat, name: string = format): Promise<string> {
  const output = path.join(folder, `${name}.${format}`);
  await makeImage(await source(), { format, output, cacheFolder: frames });
  return output;
}

interface Machine {
  readonly file: string;
  readonly drive: readonly string[];
  readonly uefi: boolean;
  readonly memory?: number;
}

let machines = 0;

async function boot(machine: Machine): Promise<MachineEnd & { output: string }> {
  const own = path.join(folder, `machine-${machines++}`);
  const status = `${own}.status`;
  const flash: string[] = [];
  if (machine.uefi) {
    await copyFile(firmware.variables, `${own}.variables`);
    flash.push('-drive', `if=pflash,format=raw,readonly=on,file=${firmware.code}`);
    flash.push('-drive', `if=pflash,format=raw,file=${own}.variables`);
  }
  const kvm = (await detectAccelerator()) === 'kvm';
  const { stdout, stderr } = await execa(
    'qemu-system-x86_64',
    [
      ...['-accel', kvm ? 'kvm' : 'tcg,thread=multi', '-cpu', kvm ? 'host' : 'max'],
      ...['-smp', '1,maxcpus=2', '-m', String(machine.memory ?? 512), '-machine', 'q35'],
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
      ...['-chardev', `file,id=status,path=${status}`],
      ...['-device', 'isa-debugcon,iobase=0xe9,chardev=status', ...flash, ...machine.drive],
    ],
    { stdin: 'ignore', reject: false, timeout: bootLimit, killSignal: 'SIGKILL' },
  );
  const end = parseStatus(await readFile(status, 'utf8').catch(() => ''));
  return { code: abnormalEnd, reason: undefined, ...end, output: stdout + stderr };
}

function virtioDisk(file: string, format = 'raw'): string[] {
  return ['-drive', `if=virtio,format=${format},snapshot=on,file=${file}`];
}

for (const [name, uefi, format, drive] of [
  ['a raw disk under SeaBIOS', false, 'raw', virtioDisk],
  ['a raw disk under OVMF', true, 'raw', virtioDisk],
  ['a CD under SeaBIOS', false, 'iso', (file: string) => ['-cdrom', file]],
  ['a CD under OVMF', true, 'iso', (file: string) => ['-cdrom', file]],
  ['a CD image written to a disk', false, 'iso', virtioDisk],
] as const) {
  test.serial(`${name} boots`, async (t) => {
    const result = await boot({ file: '', uefi, drive: drive(await image(format)) });
    t.regex(result.output, /hello from v26.* \[ 'from an image' \]/, result.output.slice(-3000));
    t.regex(result.output, uefi ? /started by multiboot2 under UEFI/ : /started by multiboot2,/);
    t.is(result.code, 0);
  });
}

test.serial('`runtime run` knows every format of ours, and refuses others', async (t) => {
  for (const [format, name] of [
    ['raw', 'raw'],
    ['iso', 'raw'],
    ['vhd', 'raw'],
    ['qcow2', 'qcow2'],
    ['vmdk', 'vmdk'],
    ['vhdx', 'vhdx'],
  ] as const) {
    const file = await image(format);
    t.deepEqual(await identifyImage(file), { file, format: name, isCd: format === 'iso' });
  }
  const foreign = path.join(folder, 'foreign.qcow2');
  await execa('qemu-img', ['create', '-f', 'qcow2', foreign, '10M']);
  await t.throwsAsync(identifyImage(foreign), { message: /no image of|not an image of .*qcow2/ });
});

test.serial('`runtime run` boots a disk, and gives it arguments and variables', async (t) => {
  const file = await image('qcow2');
  const runtime = inRepository('lib/cli/src/runtime.ts');
  const words = ['run', file, '--no-network', '--env', 'A=b', '--', 'first', 'two words'];
  const { stdout, stderr, exitCode } = await execa(process.execPath, [runtime, ...words], {
    stdin: 'ignore',
    reject: false,
    timeout: bootLimit,
  });
  t.is(exitCode, 0, stdout + stderr);
  t.regex(stdout, /hello from v26.* \[ 'from an image', 'first', 'two words' \]/);
  const refused = await execa(process.execPath, [runtime, 'run', file, '--trace'], {
    reject: false,
  });
  t.is(refused.exitCode, 1);
  t.regex(refused.stderr, /--trace needs an image of format kernel/);
});

test.serial('two builds of the same input are the same bytes', async (t) => {
  for (const format of ['raw', 'qcow2', 'vhdx', 'iso'] as const) {
    const [first, second] = [await image(format, 'first'), await image(format, 'first')];
    t.is(await digestFile(first), await digestFile(second), format);
  }
});

/** Turns over bits of a file. */
async function damage(file: string, position: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const { buffer } = await handle.read(Buffer.alloc(64), 0, 64, position);
    await handle.write(
      buffer.map((byte) => byte ^ 0x55),
      0,
      64,
      position,
    );
  } finally {
    await handle.close();
  }
}

test.serial('the loaders tell of a damaged system file, and reset the machine', async (t) => {
  const file = await image('raw', 'damaged');
  await damage(file, 20_000_000);
  for (const uefi of [false, true]) {
    const result = await boot({ file, uefi, drive: virtioDisk(file) });
    t.is(result.code, 1, result.output.slice(-2000));
    t.regex(result.reason ?? '', /^boot: /);
    t.regex(result.output, /Runtime\.JS cannot be loaded: .*damaged|checksum|block|frame/);
  }
});

test.serial('the loader tells of too little memory', async (t) => {
  const file = await image('raw', 'small');
  const result = await boot({ file, uefi: false, drive: virtioDisk(file), memory: 96 });
  t.is(result.code, 1, result.output.slice(-2000));
  t.regex(result.output, /too little memory for it; give the machine more/);
});

for (const [name, settings, unpack] of [
  ['gce', { bucket: 'b' }, (file: string) => `tar -xOzf ${file} disk.raw`],
  [
    'digitalocean',
    { url: 'https://x.example/y', 'ssh-key': '1' },
    (file: string) => `gunzip -c ${file}`,
  ],
] as const) {
  test.serial(`the artefact for ${name} holds the bootable disk`, async (t) => {
    const own = path.join(folder, name);
    const request = {
      ...{ name: 'app', memory: 512, cpus: 1, replicas: 1, ports: [], environment: {} },
      settings,
    };
    const { artefact } = await prepareDeployment(findTarget(name), request, await source(), {
      folder: own,
      cacheFolder: frames,
    });
    const disk = path.join(own, 'unpacked.raw');
    await execa('sh', ['-c', `${unpack(artefact)} > ${disk}`]);
    const { stdout } = await execa('/usr/sbin/sgdisk', ['--verify', disk]);
    t.regex(stdout, /No problems found/);
    const { size } = await stat(disk);
    if (name === 'gce') t.is(size % 2 ** 30, 0);
    // Up to the second partition table, which is at the end of either.
    const raw = (await readFile(await image('raw'))).subarray(4096, -1024 * 1024);
    const handle = await open(disk);
    try {
      const { buffer } = await handle.read(Buffer.alloc(raw.length), 0, raw.length, 4096);
      const gptEnd = 34 * 512;
      t.true(buffer.subarray(gptEnd).equals(raw.subarray(gptEnd)));
    } finally {
      await handle.close();
    }
    await rm(own, { recursive: true });
  });
}
