// A profile of the whole machine: the kernel's samples (native/kernel/profile/profile.h), and names for the
// addresses in them.

/** One look at a CPU. */
export interface Sample {
  /** The instruction that came next. */
  readonly instruction: bigint;
  /** Id of the thread that ran; 0: none, the CPU was idle. */
  readonly thread: number;
}

/** What the kernel recorded. */
export interface Samples {
  /** Address of the kernel's image. */
  readonly kernel: bigint;
  /** How many samples were taken; the first of them are kept. */
  readonly taken: number;
  readonly kept: readonly Sample[];
}

const headerBytes = 32;
const sampleBytes = 16;

/**
 * Reads the kernel's buffer.
 * @param buffer its header, or all of it
 * @throws RangeError when that is no such buffer
 */
export function parseSamples(buffer: Buffer): Samples {
  if (buffer.length < headerBytes) throw new RangeError('the buffer of samples has no header');
  const taken = Number(buffer.readBigUInt64LE(0));
  const capacity = Number(buffer.readBigUInt64LE(8));
  const present = Math.floor((buffer.length - headerBytes) / sampleBytes);
  const count = Math.min(taken, capacity, present);
  const kept = Array.from({ length: count }, (_, index): Sample => {
    const at = headerBytes + index * sampleBytes;
    return { instruction: buffer.readBigUInt64LE(at), thread: buffer.readUInt32LE(at + 8) };
  });
  return { kernel: buffer.readBigUInt64LE(16), taken, kept };
}

/** A piece of code with a name. */
export interface CodeRange {
  readonly start: bigint;
  /** Where it ends; undefined: where the next one starts. */
  readonly end?: bigint | undefined;
  readonly name: string;
}

/** Code by address. Of ranges with one start the last counts: V8 uses memory of dead code again. */
export class CodeMap {
  readonly #ranges: readonly CodeRange[];

  constructor(ranges: Iterable<CodeRange>) {
    const byStart = new Map<bigint, CodeRange>();
    for (const range of ranges) byStart.set(range.start, range);
    this.#ranges = [...byStart.values()].sort((a, b) =>
      a.start < b.start ? -1 : Number(a.start > b.start),
    );
  }

  /** The name of the code at an address. */
  find(address: bigint): string | undefined {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle] as CodeRange).start <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.#ranges[low - 1];
    if (found === undefined || (found.end !== undefined && address >= found.end)) return undefined;
    return found.name;
  }
}

/** Reads what `nm --print-size` prints. Only code written in assembler has symbols without a size. */
export function parseSymbols(text: string): CodeRange[] {
  return text.split('\n').flatMap((line) => {
    const [, from, size, name] = /^([0-9a-f]+) (?:([0-9a-f]+) )?[tTwWiuV] (.+)$/.exec(line) ?? [];
    if (from === undefined || name === undefined) return [];
    const start = BigInt(`0x${from}`);
    return [{ start, end: size === undefined ? undefined : start + BigInt(`0x${size}`), name }];
  });
}

/** Reads V8's map of the code that it made: `--perf-basic-prof`. */
export function parsePerfMap(text: string): CodeRange[] {
  return text.split('\n').flatMap((line) => {
    const [, from, size, name] = /^([0-9a-f]+) ([0-9a-f]+) (.+)$/.exec(line) ?? [];
    if (from === undefined || size === undefined || name === undefined) return [];
    const start = BigInt(`0x${from}`);
    return [{ start, end: start + BigInt(`0x${size}`), name }];
  });
}

/** A file that is mapped, or memory of no file (an empty path). */
export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  /** Where the file's first byte would be. */
  readonly base: bigint;
  readonly file: string;
}

/** Reads /proc/self/maps. */
export function parseMaps(text: string): Mapping[] {
  return text.split('\n').flatMap((line) => {
    const [, from, to, offset, file] =
      /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (from === undefined || to === undefined) return [];
    const start = BigInt(`0x${from}`);
    const base = start - BigInt(`0x${offset ?? '0'}`);
    return [{ start, end: BigInt(`0x${to}`), base, file: file ?? '' }];
  });
}

/** What an address belongs to. */
export interface Place {
  /** kernel, JavaScript, a file's name, or what is known of the memory. */
  readonly part: string;
  readonly symbol: string;
}

/** Names addresses. */
export class Resolver {
  readonly #kernelBase: bigint;
  readonly #kernel: CodeMap;
  readonly #compiled: CodeMap;
  readonly #mappings: readonly Mapping[];
  readonly #files = new Map<string, CodeMap>();
  readonly #open: (file: string) => CodeMap;

  /**
   * @param kernelBase where the kernel lies
   * @param kernel its symbols, from 0 on
   * @param compiled what V8 made
   * @param open symbols of a mapped file, from its first byte on
   */
  constructor(
    kernelBase: bigint,
    kernel: CodeMap,
    compiled: CodeMap,
    mappings: readonly Mapping[],
    open: (file: string) => CodeMap,
  ) {
    this.#kernelBase = kernelBase;
    this.#kernel = kernel;
    this.#compiled = compiled;
    this.#mappings = mappings;
    this.#open = open;
  }

  resolve(address: bigint): Place {
    const unnamed = `0x${address.toString(16)}`;
    if (address >= 1n << 63n) {
      return { part: 'kernel', symbol: this.#kernel.find(address - this.#kernelBase) ?? unnamed };
    }
    const compiled = this.#compiled.find(address);
    if (compiled !== undefined) return { part: 'JavaScript', symbol: compiled };
    const mapping = this.#mappings.find(({ start, end }) => start <= address && address < end);
    if (mapping === undefined) return { part: 'not mapped', symbol: unnamed };
    if (!mapping.file.startsWith('/'))
      return { part: mapping.file || 'anonymous', symbol: unnamed };
    const symbols = this.#files.get(mapping.file) ?? this.#open(mapping.file);
    this.#files.set(mapping.file, symbols);
    const part = mapping.file.slice(mapping.file.lastIndexOf('/') + 1);
    return { part, symbol: symbols.find(address - mapping.base) ?? unnamed };
  }
}

/** How often something was seen. */
export interface Share {
  readonly name: string;
  readonly samples: number;
}

/** What one thread did. */
export interface ThreadShare extends Share {
  readonly parts: readonly Share[];
  /** Named `part: symbol`. */
  readonly symbols: readonly Share[];
}

const mostFirst = (a: Share, b: Share): number => b.samples - a.samples;

function shares(counts: ReadonlyMap<string, number>): Share[] {
  return [...counts].map(([name, samples]) => ({ name, samples })).sort(mostFirst);
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/**
 * Counts samples by thread, part and symbol.
 * @param nameOf a thread's name
 */
export function summariseSamples(
  samples: readonly Sample[],
  resolver: Resolver,
  nameOf: (thread: number) => string,
): ThreadShare[] {
  const threads = new Map<string, { parts: Map<string, number>; symbols: Map<string, number> }>();
  for (const { instruction, thread } of samples) {
    const name = nameOf(thread);
    const counts = threads.get(name) ?? { parts: new Map(), symbols: new Map() };
    threads.set(name, counts);
    const { part, symbol } = resolver.resolve(instruction);
    add(counts.parts, part);
    add(counts.symbols, `${part}: ${symbol}`);
  }
  return [...threads]
    .map(([name, { parts, symbols }]): ThreadShare => {
      const byPart = shares(parts);
      const all = byPart.reduce((sum, { samples: count }) => sum + count, 0);
      return { name, samples: all, parts: byPart, symbols: shares(symbols) };
    })
    .sort(mostFirst);
}

/** The form that flame graph programs read: `thread;part;symbol count`, one a line. */
export function foldSamples(threads: readonly ThreadShare[]): string {
  const clean = (text: string): string => text.replaceAll(';', ',').replaceAll('\n', ' ');
  return threads
    .flatMap((thread) =>
      thread.symbols.map(({ name, samples }) => {
        const [part = '', ...symbol] = name.split(': ');
        return `${clean(thread.name)};${clean(part)};${clean(symbol.join(': '))} ${samples}\n`;
      }),
    )
    .join('');
}
