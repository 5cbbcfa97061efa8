// Machines that the kernel has to boot on: every cell is a machine type, firmware, CPU model, number of CPUs
// and size of memory, and boots the same app.
import { startMachine } from '../../../lib/cli/src/machine.ts';
import { makeGrubImage, uefiFirmware } from './grub.ts';
import { guestInitrd, tail } from './guest.ts';
import { seededRandom } from './relay.ts';

/** How the kernel is started: by QEMU itself, or by GRUB from a CD under either firmware. */
export const platforms = [
  'pc direct',
  'pc BIOS',
  'pc UEFI',
  'q35 direct',
  'q35 BIOS',
  'q35 UEFI',
  'microvm direct',
] as const;

/** Models of QEMU 7.2, oldest first. A newer QEMU may have more. */
export const models = [
  ...[
    'qemu64',
    'Opteron_G1',
    'Conroe',
    'Penryn',
    'Nehalem',
    'Westmere',
    'SandyBridge',
    'IvyBridge',
  ],
  ...['Haswell', 'Broadwell', 'Skylake-Client', 'Skylake-Server', 'Cascadelake-Server'],
  ...['Icelake-Server', 'SapphireRapids', 'Denverton', 'EPYC', 'EPYC-Rome', 'EPYC-Milan', 'max'],
] as const;

export const processorCounts = [1, 2, 4, 8] as const;

/** MiB of memory; `NUMA` is 2 GiB in two nodes. */
export const memories = ['least', '512', '2048 NUMA', '5120', '16384', '65536'] as const;

/** A machine. */
export interface Cell {
  readonly platform: (typeof platforms)[number];
  readonly model: (typeof models)[number];
  readonly processors: (typeof processorCounts)[number];
  readonly memory: (typeof memories)[number];
}

/** How a cell went. */
export interface CellResult {
  readonly cell: Cell;
  /** `refused`: the kernel says what the CPU lacks; `absent`: this QEMU has no such machine. */
  readonly outcome: 'ran' | 'refused' | 'absent' | 'failed';
  /** The refusal, or the end of the output of one that failed. */
  readonly detail: string;
  readonly milliseconds: number;
}

const axes = [platforms, models, processorCounts, memories] as const;

/** Every cell. */
export function allCells(): Cell[] {
  return platforms.flatMap((platform) =>
    models.flatMap((model) =>
      processorCounts.flatMap((processors) =>
        memories.map((memory) => ({ platform, model, processors, memory })),
      ),
    ),
  );
}

/**
 * Cells in which every two values of different kinds come together at least once.
 * @param seed other seeds give other cells
 */
export function pairedCells(seed: number): Cell[] {
  const random = seededRandom(seed);
  const pick = (limit: number): number => Math.floor(random() * limit);
  const missing = new Set<string>();
  const pairsOf = (row: readonly number[]): string[] =>
    row.flatMap((value, axis) =>
      row.slice(axis + 1).map((other, index) => `${axis} ${value} ${axis + 1 + index} ${other}`),
    );
  axes.forEach((first, axis) => {
    axes.slice(axis + 1).forEach((second, index) => {
      for (let a = 0; a < first.length; a++) {
        for (let b = 0; b < second.length; b++)
          missing.add(`${axis} ${a} ${axis + 1 + index} ${b}`);
      }
    });
  });
  const cells: Cell[] = [];
  while (missing.size > 0) {
    const [axis, value, otherAxis, other] = [...missing][0]!.split(' ').map(Number);
    let best: number[] = [];
    let most = 0;
    for (let attempt = 0; attempt < 40; attempt++) {
      const row = axes.map((values) => pick(values.length));
      row[axis!] = value!;
      row[otherAxis!] = other!;
      const covered = pairsOf(row).filter((pair) => missing.has(pair)).length;
      if (covered > most) {
        best = row;
        most = covered;
      }
    }
    for (const pair of pairsOf(best)) missing.delete(pair);
    cells.push({
      platform: platforms[best[0]!]!,
      model: models[best[1]!]!,
      processors: processorCounts[best[2]!]!,
      memory: memories[best[3]!]!,
    });
  }
  return cells;
}

/** The smallest memory that the app of the matrix runs in, MiB: GRUB holds the image a second time. */
function leastMemory(firmware: string, processors: number): number {
  const forWorkers = 16 * processors;
  return (firmware === 'direct' ? 176 : 384) + forWorkers;
}

function memoryArguments(cell: Cell, firmware: string): string[] {
  if (cell.memory === '2048 NUMA') {
    return [
      ...['-m', '2048'],
      ...['-object', 'memory-backend-ram,id=node0,size=1024M'],
      ...['-object', 'memory-backend-ram,id=node1,size=1024M'],
      ...['-numa', 'node,nodeid=0,memdev=node0', '-numa', 'node,nodeid=1,memdev=node1'],
    ];
  }
  const size =
    cell.memory === 'least' ? leastMemory(firmware, cell.processors) : Number(cell.memory);
  // The host need not have all of it: the guest touches little.
  return [
    ...['-m', String(size), '-object', `memory-backend-ram,id=ram,size=${size}M,reserve=off`],
    ...['-machine', 'memory-backend=ram'],
  ];
}

const image = { name: 'matrix', entry: 'apps/matrix.ts' } as const;
const commandLine = 'log=info';
/** A machine that takes longer hangs. */
const limit = 300_000;
const refusal = /error: (this CPU [^\r\n]*)/;
const absence =
  /unable to find CPU model|machine type does not support|does not support NUMA|NUMA is not supported/;

let grubImage: Promise<string> | undefined;

/**
 * Boots one machine and has it run the app.
 * @param cell which
 */
export async function runCell(cell: Cell): Promise<CellResult> {
  const [type = '', firmware = ''] = cell.platform.split(' ');
  const initrd = await guestInitrd(image.name, image.entry);
  grubImage ??= makeGrubImage('matrix-cd', initrd, commandLine);
  const start = performance.now();
  const machine = await startMachine({
    ...(firmware === 'direct'
      ? { append: commandLine, initrd }
      : { disk: { file: await grubImage, format: 'raw', isCd: true } as const }),
    processors: cell.processors,
    timeoutMilliseconds: limit,
    extraArguments: [
      ...['-machine', type, '-cpu', cell.model],
      ...memoryArguments(cell, firmware),
      ...(firmware === 'UEFI' ? ['-bios', uefiFirmware] : []),
      ...(firmware === 'direct' ? [] : ['-vga', 'std']),
    ],
  });
  const result = await machine.end;
  const milliseconds = performance.now() - start;
  const report = /^\{"cpus".*\}\r?$/m.exec(result.output)?.[0];
  const refused = refusal.exec(result.output)?.[1];
  if (result.code === 0 && report !== undefined) {
    const wrong = wrongFigures(JSON.parse(report) as Record<string, unknown>, cell);
    if (wrong === undefined) return { cell, outcome: 'ran', detail: '', milliseconds };
    return { cell, outcome: 'failed', detail: `${wrong}\n${tail(result)}`, milliseconds };
  }
  if (refused !== undefined && result.code === 1) {
    return { cell, outcome: 'refused', detail: refused, milliseconds };
  }
  if (absence.test(result.reason ?? '')) {
    return { cell, outcome: 'absent', detail: result.reason ?? '', milliseconds };
  }
  return { cell, outcome: 'failed', detail: tail(result), milliseconds };
}

/** Says what the app found otherwise than the machine is. */
function wrongFigures(report: Record<string, unknown>, cell: Cell): string | undefined {
  const mebibytes = Number(report.memory) / 2 ** 20;
  const expected = Number.parseInt(cell.memory, 10);
  if (report.cpus !== cell.processors) return `the app sees ${report.cpus} CPUs`;
  // Firmware keeps some.
  if (expected && !(mebibytes > expected - 40 && mebibytes <= expected)) {
    return `the app sees ${mebibytes} MiB`;
  }
  const failed = Object.entries(report).filter(([, value]) => value === false);
  return failed.length > 0 ? `did not work: ${failed.map(([name]) => name).join(', ')}` : undefined;
}

/** A cell in words. */
export function describeCell({ platform, model, processors, memory }: Cell): string {
  const size = memory === 'least' ? 'least memory' : `${memory.replace(' ', ' MiB, ')}`;
  return `${platform}, ${model}, ${processors} CPU${processors > 1 ? 's' : ''}, ${size}`;
}
