// The kernel's pure parts as functions: what bindings.cpp of this folder exports.
import { loadKernelCode } from '../native/build.ts';

export interface SymbolMatch {
  name: string;
  offset: bigint;
}

export interface AcpiRegister {
  space: number;
  address: bigint;
}

export interface FixedDescription {
  dsdt: bigint;
  smiCommandPort: number;
  acpiEnable: number;
  controlA: AcpiRegister | undefined;
  controlB: AcpiRegister | undefined;
  reset: AcpiRegister | undefined;
  resetValue: number;
  sleepControl: AcpiRegister | undefined;
  isHardwareReduced: boolean;
}

export interface CommandLine {
  error?: string;
  logLevel: number;
  traceSystemCalls: boolean;
  haltsWhenIdle: boolean;
  fixedLayout: boolean;
  writableRoot: boolean;
  /** 0: goes on from a frozen state, 1: starts anew, 2: is frozen. */
  warmStart: number;
  environment: string[];
  arguments: string[];
}

export interface FutexTable {
  wait(name: string, address: number, bitset: number): void;
  leave(name: string): boolean;
  wake(address: number, count: number, bitset: number): string[] | undefined;
  requeue(
    from: number,
    to: number,
    wakeCount: number,
    moveCount: number,
    beforeTicket: bigint,
  ): [number, string[]];
  nextTicket(): bigint;
}

/** 64-bit words of a pretended memory: address, value. */
export type Memory = [bigint, bigint][];

export interface ClockPage {
  baseTicks: bigint;
  base: bigint;
  raw: bigint;
  rate: bigint;
  rawRate: bigint;
  wallOffset: bigint;
}

export interface SecondEdge {
  add(seconds: bigint, before: bigint, after: bigint): boolean;
  least(): bigint;
  middle(): bigint;
  most(): bigint;
  widen(by: bigint): void;
  width(): bigint;
  nextReading(now: bigint): bigint;
}

export interface TimerHeap {
  add(deadline: bigint): number;
  remove(timer: number): void;
  first(): number | undefined;
  rank(): number;
  isLeftist(): boolean;
}

export interface KernelServices {
  formatNumber(
    pattern: string,
    type: 'int' | 'long' | 'pointer',
    value: bigint,
    capacity?: number,
  ): string | undefined;
  formatText(pattern: string, text: string, precision?: number): string;
  formatMixed(): string;
  readTextRing(texts: string[], cursor: bigint, capacity: number): { text: string; cursor: bigint };
  parseCommandLine(line: string): CommandLine;
  parseVirtioMmio(line: string): bigint[][] | string;
  findVirtioMmioDevices(aml: Uint8Array, capacity: number): bigint[][];
  findConfigurationBase(aml: Uint8Array): bigint | undefined;
  formatExitStatus(code: number, reason: Uint8Array, capacity: number): Uint8Array;
  chaCha20Block(key: Uint8Array, counter: number, nonce: Uint8Array): Uint8Array;
  randomOutputs(seeds: Uint8Array[], sizes: number[]): Uint8Array[];
  decodeRtc(registers: Uint8Array): bigint;
  parseAcpiRoot(bytes: Uint8Array): { table: bigint; entrySize: number } | undefined;
  parseFixedDescription(bytes: Uint8Array): FixedDescription | undefined;
  findSoftOffType(aml: Uint8Array): [number, number] | undefined;
  advanceLoad(load: number, steps: number): [number, number, number];
  clockAt(kind: 0 | 1 | 2, ticks: bigint, page: ClockPage): bigint;
  paravirtualNanoseconds(
    tsc: bigint,
    timestamp: bigint,
    systemTime: bigint,
    multiplier: number,
    shift: number,
  ): bigint;
  fixedRatio(numerator: bigint, denominator: bigint): bigint;
  scaleByBillionths(rate: bigint, parts: bigint): bigint;
  /** 0 good, 1 suspicious, 2 broken. */
  judgeClock(intervals: [watched: bigint, reference: bigint, uncertainty: bigint][]): number[];
  SecondEdge: new () => SecondEdge;
  findGenerationAddress(aml: Uint8Array): bigint | undefined;
  kernelSymbol(file: Uint8Array, offset: bigint): SymbolMatch | undefined | false;
  elfSymbol(image: Uint8Array, address: bigint): SymbolMatch | undefined;
  demangle(name: string, capacity?: number): string;
  walkFrames(memory: Memory, instruction: bigint, framePointer: bigint): bigint[];
  reportBacktrace(
    memory: Memory,
    instruction: bigint,
    framePointer: bigint,
    stackPointer: bigint,
  ): string;
  reportRegisters(): string;
  reportMemory(): string;
  FutexTable: new () => FutexTable;
  TimerHeap: new () => TimerHeap;
  futexOperation(encoded: number, old: number): [number, boolean] | undefined;
  checkMove(size: number, from: number, to: number): boolean;
  checkSet(size: number, offset: number): boolean;
  compare(a: Uint8Array, b: Uint8Array): number;
  lengthOf(text: string): number;
}

export const kernel = await loadKernelCode<KernelServices>('kernel_services');
