// Disks and CDs, judged by other people's tools: sgdisk, fsck.fat, mtools, xorriso, qemu-img.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { bootDisk, type Loaders, readLoaders } from '../../lib/image/src/boot-disk.ts';
import { fatVolume } from '../../lib/image/src/disk/fat32.ts';
import { SparseDisk } from '../../lib/image/src/disk/sparse-disk.ts';
import { writeRaw } from '../../lib/image/src/formats/raw.ts';
import {
  type DiskFormat,
  type PreparedDisk,
  WriteError,
  writeArtefact,
  writeDisk,
} from '../../lib/image/src/index.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-image-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

const loaders: Loaders = {
  disk: Buffer.alloc(512, 0xaa),
  bios: Buffer.concat([Buffer.from('....RTJS'), Buffer.alloc(22_528 - 8, 0xbb)]),
  efi: Buffer.alloc(24_576, 0xcc),
};

/** A disk with a system file of that many bytes; noise, so that nothing is right by chance. */
function makeDisk(size: number, cd = false, sizeBoundary?: number) {
  const system = [Buffer.alloc(4096, 1), randomBytes(size - 4096)];
  const options = sizeBoundary === undefined ? { cd } : { cd, sizeBoundary };
  return { system: Buffer.concat(system), ...bootDisk(system, loaders, options) };
}

async function writeTo(name: string, disk: SparseDisk): Promise<string> {
  const file = path.join(folder, name);
  await writeArtefact(file, (handle) => writeRaw(handle, disk));
  return file;
}

/** Runs a tool that has to succeed; gives everything it prints. */
async function run(program: string, ...parameters: string[]): Promise<string> {
  const { all } = await execa(program, parameters, {
    all: true,
    extendEnv: true,
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: '0' },
  });
  return all;
}

const efiStart = 2048 * 512;

for (const [name, size] of [
  ['small', 10_000],
  ['one cluster over 32 MiB', 33_600_000],
  ['a few clusters of 1 KiB', 80_000_000],
] as const) {
  test(`a disk is whole to sgdisk, fsck.fat and mtools: ${name}`, async (t) => {
    const { system, disk } = makeDisk(size);
    const file = await writeTo(`disk-${size}.raw`, disk);
    t.is(disk.size % (1024 * 1024), 0);
    const verified = await run('sgdisk', '--verify', file);
    t.regex(verified, /No problems found/);
    const table = await run('sgdisk', '--print', file);
    t.regex(table, /1\s+256\s+2047 .* EF02/);
    t.regex(table, /2\s+2048 .* EF00/);

    const volume = path.join(folder, `volume-${size}`);
    await writeFile(volume, (await readFile(file)).subarray(efiStart));
    const checked = await run('fsck.fat', '-n', '-v', volume);
    t.regex(checked, /32 bit entries/);
    t.notRegex(checked, /differences|differ|wrong|invalid|not free/i);

    const copy = path.join(folder, `copy-${size}`);
    await run('mcopy', '-n', '-i', volume, '::/RUNTIME/SYSTEM.IMG', copy);
    t.true((await readFile(copy)).equals(system));
    await run('mcopy', '-n', '-i', volume, '::/EFI/BOOT/BOOTX64.EFI', `${copy}.efi`);
    t.true((await readFile(`${copy}.efi`)).equals(loaders.efi));
    await rm(volume);
  });
}

test('the BIOS loader is told where the system file is, and the boot sector where the loader is', async (t) => {
  const { system, disk } = makeDisk(50_000);
  const raw = await readFile(await writeTo('places.raw', disk));
  t.is(raw.readUInt16LE(0x1a0 + 2), 44);
  const bios = Number(raw.readBigUInt64LE(0x1a0 + 8)) * 512;
  t.is(raw.toString('latin1', bios + 4, bios + 8), 'RTJS');
  const place = Number(raw.readBigUInt64LE(bios + 8));
  t.is(place % 4096, 0);
  t.true(raw.subarray(place, place + system.length).equals(system));
});

test('a CD is whole to xorriso, and is a disk, too', async (t) => {
  const { system, disk } = makeDisk(100_000, true);
  const file = await writeTo('cd.iso', disk);
  const report = await run('xorriso', '-indev', file, '-report_el_torito', 'plain');
  t.regex(report, /El Torito boot img :\s+1\s+BIOS\s+y\s+none\s+0x0800/);
  t.regex(report, /El Torito boot img :\s+2\s+UEFI\s+y\s+none/);
  t.regex(report, /Volume id\s+: 'RUNTIMEJS'/);
  const out = path.join(folder, 'extracted');
  await run('xorriso', '-osirrox', 'on', '-indev', file, '-extract', '/', out);
  t.true((await readFile(path.join(out, 'RUNTIME/SYSTEM.IMG'))).equals(system));
  t.true((await readFile(path.join(out, 'EFI/BOOT/BOOTX64.EFI'))).equals(loaders.efi));
  t.regex(await run('sgdisk', '--verify', file), /No problems found/);
});

const imageFormats: readonly (readonly [DiskFormat, string, boolean])[] = [
  ['qcow2', 'qcow2', true],
  ['vmdk', 'vmdk', true],
  ['vhdx', 'vhdx', true],
  ['vhd', 'vpc', false],
];
for (const [format, name, canCheck] of imageFormats) {
  test(`${format} is whole to qemu-img, and converts back to the same disk`, async (t) => {
    // Larger than a level-2 table's or a chunk's reach would need gigabytes; holes at both ends do.
    const { disk, identity } = makeDisk(200_000, false, 64 * 1024 * 1024);
    const raw = await writeTo(`${format}.raw`, disk);
    const file = path.join(folder, `disk.${format}`);
    await writeDisk({ disk, identity } as PreparedDisk, format, file);
    if (canCheck) t.regex(await run('qemu-img', 'check', '-f', name, file), /No errors/);
    t.regex(await run('qemu-img', 'compare', '-f', 'raw', '-F', name, raw, file), /identical/);
    const back = `${file}.raw`;
    await run('qemu-img', 'convert', '-f', name, '-O', 'raw', file, back);
    const digest = async (which: string) =>
      createHash('sha256')
        .update(await readFile(which))
        .digest('hex');
    t.is(await digest(back), await digest(raw));
    const { size } = await stat(file);
    if (format !== 'vhd') t.true(size < disk.size / 2, 'holes take no room');
  });
}

test('a disk that spans many tables keeps its pieces in place', async (t) => {
  // 5 GiB: several tables of level 2 in qcow2, many of VMDK's, two chunks of VHDX.
  const size = 5 * 2 ** 30;
  const { identity } = makeDisk(10_000);
  const places = [0, 2 ** 29 - 512, 4 * 2 ** 30 - 100, 4 * 2 ** 30 + 2 ** 20, size - 4096];
  const disk = new SparseDisk(
    size,
    places.map((offset) => ({ offset, bytes: randomBytes(4096) })),
  );
  const raw = await writeTo('large.raw', disk);
  for (const [format, name] of imageFormats.slice(0, 3)) {
    const file = path.join(folder, `large.${format}`);
    await writeDisk({ disk, identity } as PreparedDisk, format, file);
    t.regex(await run('qemu-img', 'check', '-f', name, file), /No errors/);
    t.regex(await run('qemu-img', 'compare', '-f', 'raw', '-F', name, raw, file), /identical/);
    await rm(file);
  }
  await rm(raw);
});

test('the same input gives the same bytes, another input other identifiers', (t) => {
  const system = [Buffer.alloc(4096, 1), Buffer.alloc(9000, 2)];
  const other = [Buffer.alloc(4096, 1), Buffer.alloc(9000, 3)];
  const uuid = (parts: Buffer[]) =>
    bootDisk(parts, loaders, { cd: false })
      .disk.read(512 + 56, 16)
      ?.toString('hex');
  t.is(uuid(system), uuid(system));
  t.not(uuid(system), uuid(other));
});

test('long names are refused by FAT instead of being cut', (t) => {
  const file = { path: ['MUCHTOOLONG.IMG'], parts: [Buffer.alloc(1)] };
  t.throws(() => fatVolume([file], { label: 'X', serial: 1, firstSector: 0 }), {
    message: /MUCHTOOLONG\.IMG/,
  });
});

test('pieces that overlap are refused', (t) => {
  const piece = (offset: number) => ({ offset, bytes: Buffer.alloc(100) });
  t.throws(() => new SparseDisk(512, [piece(0), piece(50)]), { message: /overlap/ });
  t.throws(() => new SparseDisk(512, [piece(500)]), { message: /600/ });
});

test('a failure leaves the earlier artefact, and nothing beside it', async (t) => {
  const own = path.join(folder, 'failure');
  const output = path.join(own, 'app.raw');
  await writeArtefact(output, (file) => file.writeFile('earlier'));
  const failure = new Error('in the middle');
  const error = await t.throwsAsync(
    writeArtefact(output, async (file) => {
      await file.writeFile('half');
      throw failure;
    }),
  );
  t.is(error, failure);
  t.is(await readFile(output, 'utf8'), 'earlier');
  t.deepEqual(await readdir(own), ['app.raw']);
});

test('a full disk is told with what to do', async (t) => {
  const output = path.join(folder, 'full', 'app.raw');
  // Linux's own full disk.
  const error = await t.throwsAsync(
    writeArtefact(output, async () => {
      const full = await open('/dev/full', 'w');
      try {
        await full.write(Buffer.alloc(512));
      } finally {
        await full.close();
      }
    }),
    { instanceOf: WriteError },
  );
  t.regex(error.message, /The disk is full: .*app\.raw \(\d+ MiB are free\).*--output.*unchanged/);
});

test('a folder in the way, and a file where a folder should be, are told', async (t) => {
  const busy = path.join(folder, 'busy');
  await writeArtefact(path.join(busy, 'x'), (file) => file.writeFile(''));
  const fill = (file: import('node:fs/promises').FileHandle) => file.writeFile('');
  await t.throwsAsync(writeArtefact(busy, fill), {
    instanceOf: WriteError,
    message: /in its way/,
  });
  await t.throwsAsync(writeArtefact(path.join(busy, 'x', 'y'), fill), {
    instanceOf: WriteError,
    message: /in its way/,
  });
});

for (const [whose, handler] of [
  ['nobody else', ''],
  ['a command that ends the process itself', "process.on('SIGINT', () => process.exit(130));"],
] as const) {
  test(`Ctrl-C while an artefact is written leaves the earlier one: heard by ${whose}`, async (t) => {
    const own = await mkdtemp(path.join(folder, 'interrupted-'));
    const output = path.join(own, 'app.raw');
    await writeArtefact(output, (file) => file.writeFile('earlier'));
    const module = new URL('../../lib/image/src/write.ts', import.meta.url).href;
    const child = execa(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { writeArtefact } from ${JSON.stringify(module)};
         ${handler}
         await writeArtefact(${JSON.stringify(output)}, async (file) => {
           await file.writeFile('half');
           console.log('writing');
           await new Promise((resolve) => setTimeout(resolve, 600_000));
         });`,
      ],
      { reject: false, timeout: 120_000 },
    );
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { exitCode, stderr } = await child;
    t.is(exitCode, 130);
    if (handler === '') {
      t.regex(stderr, /Interrupted: .*app\.raw was not written; an earlier one is unchanged/);
    }
    t.is(await readFile(output, 'utf8'), 'earlier');
    t.deepEqual(await readdir(own), ['app.raw']);
  });
}

test('missing loaders are told', async (t) => {
  await t.throwsAsync(readLoaders(path.join(folder, 'nowhere')), {
    message: /disk\.bin is not there: the boot loaders have not been built/,
  });
});
