// The kernel's memory and boot code as functions and classes: what bindings.cpp of this folder
// exports.
import { randomInt } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { loadKernelCode } from '../native/build.ts';

/** An error number of the Linux ABI; 0 is success. */
export type ErrorNumber = number;
export const NO_MEMORY: ErrorNumber = 12;
export const PAGE = 4096;

export interface Buddy {
  addRange(first: number, count: number): boolean;
  allocate(order: number): number | undefined;
  free(frame: number, order: number): void;
  counts(): { free: number; managed: number };
  isManaged(frame: bigint): boolean;
  isFree(frame: number): boolean;
  states(): Uint32Array;
  touched(): number[];
}

export interface Area {
  start: number;
  end: number;
  protection: number;
  isShared: boolean;
  name: number;
  /** 0 is anonymous memory, 1 to 4 are objects. */
  object: number;
  offset: number;
}

export interface Areas {
  insert(area: Area): ErrorNumber;
  list(): Area[];
  find(address: number): Area | undefined;
  firstEndingAfter(address: number): number;
  splitAtBorders(start: number, end: number): ErrorNumber;
  removeRange(start: number, end: number): Area[];
  protect(start: number, end: number, protection: number): void;
  covers(start: number, end: number): boolean;
  isFree(start: number, end: number): boolean;
  findFree(size: number, alignment: number, bottom: number, top: number): number;
  mergeAround(start: number, end: number): Area[];
  mappedBytes(): number;
  /** How many areas refer to an object. */
  references(object: number): number;
}

export type Leaf = [page: bigint, entry: bigint, size: number];

export interface PageTable {
  map(address: bigint, entry: bigint): ErrorNumber;
  mapLarge(address: bigint, entry: bigint): ErrorNumber;
  find(address: bigint): bigint | undefined;
  translates(address: bigint): boolean;
  walk(start: bigint, end: bigint): { error: ErrorNumber; leaves: Leaf[] };
  clear(start: bigint, end: bigint): { error: ErrorNumber; leaves: Leaf[] };
  freeTables(start: bigint, end: bigint): void;
  tableBytes(): number;
}

export interface PhysicalRange {
  start: bigint;
  end: bigint;
}

export interface BootInformation {
  problem?: string;
  usable: PhysicalRange[];
  initrd: PhysicalRange;
  rsdp: bigint;
  /** Where the loader's own copy lies in memory that is free afterwards: the 36 bytes of it. */
  rsdpCopy?: Uint8Array;
  commandLine: string;
  commandLineWasCut: boolean;
  loader: string;
}

export interface Vector {
  push(value: number): ErrorNumber;
  insert(index: number, value: number): ErrorNumber;
  reserve(capacity: number): ErrorNumber;
  resize(size: number): ErrorNumber;
  remove(index: number): void;
  removeRange(index: number, count: number): void;
  pop(): void;
  clear(): void;
  items(): number[];
  moveFrom(other: Vector): void;
}

export interface List {
  pushBack(element: number): void;
  pushFront(element: number): void;
  insertBefore(position: number, element: number): void;
  popFront(): number | undefined;
  unlink(element: number): void;
  isLinked(element: number): boolean;
  items(): number[] | undefined;
  takeIf(divisor: number): number[];
  isEmpty(): boolean;
}

export interface Handles {
  adopt(handle: number): void;
  upcast(handle: number): void;
  copy(to: number, from: number): void;
  move(to: number, from: number): void;
  reset(handle: number): void;
  count(handle: number): number;
  same(a: number, b: number): boolean;
}

export interface KernelString {
  assign(text: string): boolean;
  assignPart(start: number): boolean;
  moveFrom(other: KernelString): void;
  text(): string | undefined;
}

export interface KernelMemory {
  resetFrames(count: number): void;
  framesInUse(): number;
  limitFrames(count: number): void;
  failAllocation(which: number): void;
  allocationsInUse(): number;
  Buddy: new (frameCount: number) => Buddy;
  Areas: new () => Areas;
  PageTable: new () => PageTable;
  readBootInformation(kind: bigint, address: bigint): BootInformation;
  addressOf(bytes: Uint8Array): bigint;
  heapAllocate(size: number): number | undefined;
  heapFree(address: number | undefined): void;
  heapBytes(): number;
  fill(address: number, size: number, byte: number): void;
  holds(address: number, size: number, byte: number): boolean;
  Vector: new () => Vector;
  List: new (count: number) => List;
  Handles: new (count: number) => Handles;
  String: new () => KernelString;
  viewFacts(
    text: string,
    other: string,
  ): { equal: boolean; different: boolean; startsWith: boolean; find: number };
  liveItems(): number;
  liveShared(): number;
}

export const kernel = await loadKernelCode<KernelMemory>('kernel_memory');

/** Gives an integer from 0 to `limit` - 1. */
export type Random = (limit: number) => number;

/**
 * A source of random numbers for one test: other numbers in every run. The seed is in the test's
 * log; TEST_SEED=number in the environment repeats a run.
 */
export function randomFor(t: ExecutionContext): Random {
  const seed = Number(process.env.TEST_SEED) || randomInt(1, 2 ** 32);
  t.log(`TEST_SEED=${seed} repeats this run`);
  let state = seed >>> 0;
  return (limit) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
