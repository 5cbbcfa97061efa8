// The kernel's pure parts for several CPUs: what bindings.cpp of this folder exports.
import { loadKernelCode } from '../native/build.ts';

export interface LocalApic {
  isX2Apic(): boolean;
  highestId(): number;
  id(): number;
  read(offset: number): number;
  /** These return the accesses to machine-specific registers: reads, writes and fences. */
  write(offset: number, value: number): string[];
  send(to: number, command: number): string[];
  enterMode(baseRegister: number): string[];
  /** A word of the register page. */
  word(offset: number): number;
}

export interface RunQueue {
  add(name: string, virtualRuntime: bigint, affinity: bigint, nice: number): void;
  remove(name: string): void;
  first(): string | undefined;
  takeFor(cpu: number): string | undefined;
  takeLastFor(cpus: bigint): string | undefined;
  length(): number;
  /** These return the entry's virtual runtime. */
  enter(name: string): bigint;
  leave(name: string): bigint;
  /** @param running nice of what runs */
  limitCredit(name: string, running: number): bigint;
  reweigh(name: string, nice: number): bigint;
  advance(name: string): bigint;
}

export interface HeldRanks {
  /** Undefined, or the highest rank that is held and forbids it. */
  take(rank: number): number | undefined;
  release(rank: number): void;
  isEmpty(): boolean;
}

interface KernelSmp {
  LocalApic: new (hasX2Apic: boolean, baseRegister: number, id: number) => LocalApic;
  RunQueue: new () => RunQueue;
  HeldRanks: new () => HeldRanks;
  /** Nanoseconds: the limit after each time without work. */
  idlePollLimits(...idle: number[]): number[];
  weightedRuntime(used: bigint, nice: number): bigint;
  readonly lockRanks: Readonly<Record<string, number>>;
  readonly mutexRanks: Readonly<Record<string, number>>;
}

export const kernel = await loadKernelCode<KernelSmp>('kernel_smp');
