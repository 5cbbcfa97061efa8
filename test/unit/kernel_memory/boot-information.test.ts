// What boot loaders leave in memory: PVH and multiboot2.
import test from 'ava';
import { type BootInformation, kernel, randomFor } from './addon.ts';

const PVH = 1n;
const MULTIBOOT2 = 2n;
const PVH_MAGIC = 0x336ec578;
const USABLE = 1;
const RESERVED = 2;
const COMMAND_LINE_CAPACITY = 4096;
const MAXIMUM_RANGES = 64;

type MapEntry = [start: bigint, size: bigint, type?: number];

/** Bytes that stay where they are: not in V8's heap. */
const fixedBytes = (size: number) => new DataView(new ArrayBuffer(size));
const addressOf = (view: DataView) =>
  kernel.addressOf(new Uint8Array(view.buffer, 0, view.byteLength));

function memoryMap(entries: MapEntry[]): DataView {
  const view = fixedBytes(Math.max(1, entries.length) * 24);
  entries.forEach(([start, size, type = USABLE], index) => {
    view.setBigUint64(index * 24, start, true);
    view.setBigUint64(index * 24 + 8, size, true);
    view.setUint32(index * 24 + 16, type, true);
  });
  return view;
}

function textBytes(text: string): DataView {
  const bytes = Buffer.from(`${text}\0`);
  const view = fixedBytes(bytes.length);
  new Uint8Array(view.buffer).set(bytes);
  return view;
}

interface Loader {
  map?: MapEntry[];
  commandLine?: string;
  modules?: [start: bigint, size: bigint][];
}

/** Source: Xen public/arch-x86/hvm/start_info.h. */
function bootPvh(
  { map, commandLine, modules = [] }: Loader,
  { magic = PVH_MAGIC, version = 1, rsdp = 0n } = {},
): BootInformation {
  const start = fixedBytes(56);
  const mapView = map && memoryMap(map);
  const textView = commandLine === undefined ? undefined : textBytes(commandLine);
  const moduleView = fixedBytes(Math.max(1, modules.length) * 32);
  modules.forEach(([address, size], index) => {
    moduleView.setBigUint64(index * 32, address, true);
    moduleView.setBigUint64(index * 32 + 8, size, true);
  });
  start.setUint32(0, magic, true);
  start.setUint32(4, version, true);
  start.setUint32(12, modules.length, true);
  start.setBigUint64(16, modules.length ? addressOf(moduleView) : 0n, true);
  start.setBigUint64(24, textView ? addressOf(textView) : 0n, true);
  start.setBigUint64(32, rsdp, true);
  start.setBigUint64(40, mapView ? addressOf(mapView) : 0n, true);
  start.setUint32(48, map?.length ?? 0, true);
  const result = kernel.readBootInformation(PVH, addressOf(start));
  void [start, mapView, textView, moduleView]; // alive until here
  return result;
}

/** Source: Multiboot2 specification 3.6. Tags start on 8-byte boundaries. */
class Multiboot2 {
  readonly #tags: Buffer[] = [];
  #entrySize = 24;

  tag(type: number, body: Uint8Array, size = body.length + 8): this {
    const tag = Buffer.alloc((8 + body.length + 7) & ~7);
    tag.writeUInt32LE(type, 0);
    tag.writeUInt32LE(size, 4);
    tag.set(body, 8);
    this.#tags.push(tag);
    return this;
  }
  entrySize(size: number): this {
    this.#entrySize = size;
    return this;
  }
  map(entries: MapEntry[]): this {
    const body = Buffer.alloc(8 + entries.length * this.#entrySize, 0xff);
    body.writeUInt32LE(this.#entrySize, 0);
    body.writeUInt32LE(0, 4);
    entries.forEach(([start, size, type = USABLE], index) => {
      const at = 8 + index * this.#entrySize;
      body.writeBigUInt64LE(start, at);
      if (this.#entrySize < 24) return;
      body.writeBigUInt64LE(size, at + 8);
      body.writeUInt32LE(type, at + 16);
    });
    return this.tag(6, body);
  }
  commandLine(text: string): this {
    return this.tag(1, Buffer.from(`${text}\0`));
  }
  /** Source: UEFI 2.10, 7.2.3; entries may be larger than what is known of them. */
  efiMap(entries: [start: bigint, pages: bigint, type: number, attributes?: bigint][]): this {
    const descriptorSize = 48;
    const body = Buffer.alloc(8 + entries.length * descriptorSize, 0xff);
    body.writeUInt32LE(descriptorSize, 0);
    body.writeUInt32LE(1, 4);
    entries.forEach(([start, pages, type, attributes = 0xfn], index) => {
      const at = 8 + index * descriptorSize;
      body.writeUInt32LE(type, at);
      body.writeBigUInt64LE(start, at + 8);
      body.writeBigUInt64LE(pages, at + 24);
      body.writeBigUInt64LE(attributes, at + 32);
    });
    return this.tag(17, body);
  }
  module(start: number, end: number): this {
    const body = Buffer.alloc(9);
    body.writeUInt32LE(start, 0);
    body.writeUInt32LE(end, 4);
    return this.tag(3, body);
  }
  boot(): BootInformation & { address: bigint } {
    this.tag(0, new Uint8Array());
    const bytes = Buffer.concat([Buffer.alloc(8), ...this.#tags]);
    bytes.writeUInt32LE(bytes.length, 0);
    const view = fixedBytes(bytes.length);
    new Uint8Array(view.buffer).set(bytes);
    const address = addressOf(view);
    return { ...kernel.readBootInformation(MULTIBOOT2, address), address };
  }
}

const boot = {
  PVH: (loader: Loader): BootInformation => bootPvh(loader),
  multiboot2: ({ map, commandLine, modules = [] }: Loader): BootInformation => {
    const loader = new Multiboot2();
    if (commandLine !== undefined) loader.commandLine(commandLine);
    for (const [start, size] of modules) loader.module(Number(start), Number(start + size));
    if (map) loader.map(map);
    return loader.boot();
  },
};

const pairs = ({ usable }: BootInformation) => usable.map(({ start, end }) => [start, end]);

for (const [name, bootWith] of Object.entries(boot)) {
  test(`${name}: memory, command line and initrd`, (t) => {
    const information = bootWith({
      map: [
        [0n, 0x9fc00n],
        [0x9fc00n, 0x400n, RESERVED],
        [0xf0000n, 0x10000n, RESERVED],
        [0x100000n, 0x1fee0000n],
        [0x1ffe0000n, 0x20000n, RESERVED],
        [0x100000000n, 0x40000000n],
      ],
      commandLine: 'log=debug env.NAME="a b"',
      modules: [[0x8000000n, 0x123456n]],
    });
    t.is(information.problem, undefined);
    t.is(information.loader, name);
    t.deepEqual(pairs(information), [
      [0n, 0x9f000n],
      [0x100000n, 0x1ffe0000n],
      [0x100000000n, 0x140000000n],
    ]);
    t.is(information.commandLine, 'log=debug env.NAME="a b"');
    t.false(information.commandLineWasCut);
    t.deepEqual(information.initrd, { start: 0x8000000n, end: 0x8123456n });
  });

  test(`${name}: without initrd and command line`, (t) => {
    const information = bootWith({ map: [[0n, 0x100000n]] });
    t.is(information.problem, undefined);
    t.is(information.commandLine, '');
    t.deepEqual(information.initrd, { start: 0n, end: 0n });
    t.is(information.rsdp, 0n);
  });

  test(`${name}: the first of several modules is the initrd`, (t) => {
    const modules: [bigint, bigint][] = [
      [0x5000000n, 0x1000n],
      [0x6000000n, 0x1000n],
    ];
    const { initrd } = bootWith({ map: [[0n, 0x100000n]], modules });
    t.deepEqual(initrd, { start: 0x5000000n, end: 0x5001000n });
  });

  test(`${name}: without a memory map the kernel says so`, (t) => {
    t.is(bootWith({ commandLine: 'x' }).problem, `the ${name} loader gave no memory map`);
    t.is(bootWith({ commandLine: 'x' }).commandLine, 'x', 'what there is, is still read');
  });

  test(`${name}: a map without any usable memory is as good as none`, (t) => {
    t.is(bootWith({ map: [] }).problem, `the ${name} loader gave no memory map`);
    const reserved = bootWith({ map: [[0n, 0x100000n, RESERVED]] });
    t.is(reserved.problem, `the ${name} loader gave no memory map`);
  });

  test(`${name}: ranges come sorted, whatever their order`, (t) => {
    const map: MapEntry[] = [
      [0x900000n, 0x1000n],
      [0x100000n, 0x1000n],
      [0x500000n, 0x1000n],
      [0x300000n, 0x1000n],
    ];
    t.deepEqual(
      bootWith({ map }).usable.map(({ start }) => start),
      [0x100000n, 0x300000n, 0x500000n, 0x900000n],
    );
  });

  test(`${name}: overlapping and adjacent ranges become one`, (t) => {
    const map: MapEntry[] = [
      [0x200000n, 0x100000n],
      [0x280000n, 0x100000n],
      [0x210000n, 0x1000n],
      [0x380000n, 0x10000n],
      [0x200000n, 0x80000n],
      [0x500000n, 0x1000n],
    ];
    t.deepEqual(pairs(bootWith({ map })), [
      [0x200000n, 0x390000n],
      [0x500000n, 0x501000n],
    ]);
  });

  test(`${name}: memory that is also reported as reserved is not used`, (t) => {
    const map: MapEntry[] = [
      [0x202800n, 0x100n, RESERVED],
      [0x200000n, 0x100000n],
      [0x100000n, 0x101000n, RESERVED],
      [0x2ff000n, 0x10000n, 4],
      [0x240000n, 0n, RESERVED],
    ];
    t.deepEqual(pairs(bootWith({ map })), [
      [0x201000n, 0x202000n],
      [0x203000n, 0x2ff000n],
    ]);
  });

  test(`${name}: only whole pages count, and senseless sizes do not`, (t) => {
    const map: MapEntry[] = [
      [0x100800n, 0x2000n],
      [0x200800n, 0x800n],
      [0x300001n, 0x1ffen],
      [0x400000n, 0n],
      [0x500000n, 0xfffn],
      [0xffff_ffff_ffff_f800n, 0x100n],
      [0xffff_ffff_ffff_0000n, 0x20000n],
      [0x600000n, 0xffff_ffff_ffff_ffffn],
    ];
    t.deepEqual(pairs(bootWith({ map })), [[0x101000n, 0x102000n]]);
  });

  test(`${name}: more ranges than there is room for lose the last, nothing else`, (t) => {
    const map = Array.from(
      { length: MAXIMUM_RANGES + 10 },
      (_, i): MapEntry => [BigInt(i + 1) * 0x100000n, 0x1000n],
    );
    const information = bootWith({ map });
    t.is(information.problem, undefined);
    t.is(information.usable.length, MAXIMUM_RANGES);
    t.deepEqual(pairs(information)[MAXIMUM_RANGES - 1], [0x4000000n, 0x4001000n]);
  });

  test(`${name}: a map in many small pieces that touch needs room for one range`, (t) => {
    const map = Array.from(
      { length: 4 * MAXIMUM_RANGES },
      (_, i): MapEntry => [0x100000n + BigInt(i) * 0x1000n, 0x1000n],
    );
    t.deepEqual(pairs(bootWith({ map })), [[0x100000n, 0x200000n]]);
  });

  test(`${name}: a command line that is too long is cut, and the kernel knows`, (t) => {
    const map: MapEntry[] = [[0n, 0x100000n]];
    const longest = 'x'.repeat(COMMAND_LINE_CAPACITY - 1);
    const whole = bootWith({ map, commandLine: longest });
    t.is(whole.commandLine, longest);
    t.false(whole.commandLineWasCut);
    const cut = bootWith({ map, commandLine: `${longest}y` });
    t.is(cut.commandLine, longest);
    t.true(cut.commandLineWasCut);
  });

  test(`${name}: random maps give each page that is usable and not reserved, once`, (t) => {
    const random = randomFor(t);
    for (let run = 0; run < 200; run++) {
      const map = Array.from({ length: 1 + random(20) }, (): MapEntry => {
        const start = BigInt(random(64 * 8) * 512);
        return [start, BigInt(random(16 * 8) * 512), random(4) ? USABLE : RESERVED];
      });
      const touches = (page: bigint, [start, size]: MapEntry) =>
        size > 0n && start < page + 0x1000n && page < start + size;
      const holds = (page: bigint, [start, size]: MapEntry) =>
        start <= page && page + 0x1000n <= start + size;
      const expected: bigint[] = [];
      for (let page = 0n; page < 0x100000n; page += 0x1000n) {
        const isUsable = map.some((entry) => entry[2] === USABLE && holds(page, entry));
        const isReserved = map.some((entry) => entry[2] === RESERVED && touches(page, entry));
        if (isUsable && !isReserved) expected.push(page);
      }
      const found: bigint[] = [];
      let last = -1n;
      for (const { start, end } of bootWith({ map }).usable) {
        if (start <= last) t.fail(`${start} does not come after a gap from ${last}`);
        last = end;
        for (let page = start; page < end; page += 0x1000n) found.push(page);
      }
      t.deepEqual(found, expected);
    }
  });
}

test('PVH: a wrong magic number and an old version are refused', (t) => {
  const map: MapEntry[] = [[0n, 0x100000n]];
  t.is(
    bootPvh({ map }, { magic: 1 }).problem,
    'the PVH start information has a wrong magic number',
  );
  t.is(bootPvh({ map }, { version: 0 }).problem, 'the PVH loader gave no memory map');
});

test('PVH: the ACPI root pointer is passed on', (t) => {
  t.is(bootPvh({ map: [[0n, 0x100000n]] }, { rsdp: 0xf5ac0n }).rsdp, 0xf5ac0n);
});

test('multiboot2: the newer ACPI root pointer wins, in either order, and is copied', (t) => {
  const old = Buffer.alloc(20, 1);
  const newer = Buffer.alloc(36, 2);
  const map: MapEntry[] = [[0n, 0x100000n]];
  const first = new Multiboot2().tag(14, old).tag(15, newer).map(map).boot();
  t.deepEqual(Buffer.from(first.rsdpCopy!), newer);
  const second = new Multiboot2().tag(15, newer).tag(14, old).map(map).boot();
  t.deepEqual(Buffer.from(second.rsdpCopy!), newer);
  const only = new Multiboot2().tag(14, old).map(map).boot();
  t.deepEqual(Buffer.from(only.rsdpCopy!), Buffer.concat([old, Buffer.alloc(16)]));
});

test('multiboot2: unknown tags are passed over, and larger map entries understood', (t) => {
  const information = new Multiboot2()
    .tag(9999, Buffer.alloc(13, 0xff))
    .entrySize(40)
    .map([
      [0x100000n, 0x1000n],
      [0x200000n, 0x1000n],
    ])
    .tag(4, Buffer.alloc(8))
    .commandLine('after')
    .boot();
  t.is(information.problem, undefined);
  t.is(information.usable.length, 2);
  t.is(information.commandLine, 'after');
});

test('multiboot2: nothing after the end tag counts, and a tag without a size ends the list', (t) => {
  const map: MapEntry[] = [[0n, 0x100000n]];
  t.is(new Multiboot2().map(map).tag(0, new Uint8Array()).commandLine('x').boot().commandLine, '');
  t.is(
    new Multiboot2().map(map).tag(9999, Buffer.alloc(8), 7).commandLine('x').boot().commandLine,
    '',
  );
});

test('multiboot2: the map of UEFI firmware wins, in either order', (t) => {
  const reserved = 0;
  const [loaderData, bootServicesData, runtimeCode, conventional, acpiReclaim] = [2, 4, 5, 7, 9];
  const efi: [bigint, bigint, number, bigint?][] = [
    [0x1000n, 0x10n, bootServicesData],
    [0x100000n, 0x100n, conventional],
    [0x200000n, 0x100n, loaderData],
    [0x300000n, 0x10n, runtimeCode],
    [0x310000n, 0x10n, acpiReclaim],
    [0x320000n, 0x10n, conventional, 0x4000fn], // set aside for somebody
    [0x330000n, 0x10n, conventional],
    [0x338000n, 0x1n, reserved],
    [0x340000n, 0xffff_ffff_ffff_ffffn, conventional],
  ];
  const map: MapEntry[] = [[0n, 0x10000000n]];
  const expected = [
    [0x1000n, 0x11000n],
    [0x100000n, 0x300000n],
    [0x330000n, 0x338000n],
    [0x339000n, 0x340000n],
  ];
  for (const loader of [
    new Multiboot2().efiMap(efi).map(map),
    new Multiboot2().map(map).efiMap(efi),
  ]) {
    const information = loader.boot();
    t.is(information.problem, undefined);
    t.is(information.loader, 'multiboot2 under UEFI');
    t.deepEqual(pairs(information), expected);
  }
});

test('multiboot2: a map of UEFI firmware without anything usable leaves the other one', (t) => {
  const map: MapEntry[] = [[0n, 0x100000n]];
  const information = new Multiboot2()
    .efiMap([[0x100000n, 1n, 5]])
    .map(map)
    .boot();
  t.deepEqual(pairs(information), [[0n, 0x100000n]]);
});

test('multiboot2: map entries too small to hold one are no map', (t) => {
  const information = new Multiboot2()
    .entrySize(16)
    .map([[0x100000n, 0x1000n]])
    .boot();
  t.is(information.problem, 'the multiboot2 loader gave no memory map');
});

test('an unknown loader gets a sentence', (t) => {
  t.regex(kernel.readBootInformation(3n, 0n).problem!, /unknown loader; use QEMU's -kernel/);
});
