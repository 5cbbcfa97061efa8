/**
 * Interrupts of a PCI function: MSI-X (PCI Local Bus 3.0, section 6.8.2), MSI (6.8.1), or the line.
 * The platform says what message reaches it; the table that the device reads is programmed here.
 */
import type { Interrupt, PciFunctionAccess, RegisterMemory } from '@runtimejs/platform/platform.ts';
import type { PciFunction } from './function.ts';
import { capabilityKind, command, configuration } from './registers.ts';

/** The interrupts that a driver got. */
export interface InterruptSet {
  readonly kind: 'msix' | 'msi' | 'line';
  /** One per vector; with `msi` and `line` exactly one. */
  readonly vectors: readonly Interrupt[];
  /** Keeps one vector from interrupting, or lets it again. Only MSI-X can: otherwise nothing happens. */
  setMasked(vector: number, masked: boolean): void;
  /** A masked MSI-X vector has something to say. */
  isPending(vector: number): boolean;
  /** Turns the interrupts off in the device, and gives them back. */
  release(): void;
}

const msix = {
  control: 2,
  table: 4,
  pending: 8,
  enable: 1 << 15,
  maskAll: 1 << 14,
  sizeMask: 0x7ff,
  /** Words of a table entry. */
  entryWords: 4,
  vectorMasked: 1,
} as const;

const msi = {
  control: 2,
  addressLow: 4,
  addressHigh: 8,
  data32: 8,
  data64: 12,
  enable: 1 << 0,
  /** log2 of how many messages it may send: we allow one. */
  countMask: 7 << 4,
  is64Bit: 1 << 7,
} as const;

/**
 * Opens the best kind of interrupt that function and platform have.
 * @param count how many vectors the driver can use at most
 */
export function openInterrupts(pciFunction: PciFunction, count: number): InterruptSet {
  const { access } = pciFunction;
  // Whatever ran here before may have left them on.
  disableMessages(pciFunction);
  const messages = openMsix(pciFunction, count) ?? openMsi(pciFunction);
  const before = access.read(configuration.command, 2);
  if (messages !== undefined) {
    access.write(configuration.command, 2, before | command.lineDisable);
    return messages;
  }
  access.write(configuration.command, 2, before & ~command.lineDisable);
  const line = access.openLineInterrupt();
  return {
    kind: 'line',
    vectors: [line],
    setMasked() {},
    isPending: () => false,
    release() {
      access.write(
        configuration.command,
        2,
        access.read(configuration.command, 2) | command.lineDisable,
      );
      line.release();
    },
  };
}

function disableMessages(pciFunction: PciFunction): void {
  const { access } = pciFunction;
  const extended = pciFunction.capability(capabilityKind.msix);
  if (extended !== undefined) clearBits(access, extended.offset + msix.control, msix.enable);
  const plain = pciFunction.capability(capabilityKind.msi);
  if (plain !== undefined) clearBits(access, plain.offset + msi.control, msi.enable);
}

function clearBits(access: PciFunctionAccess, register: number, bits: number): void {
  access.write(register, 2, access.read(register, 2) & ~bits);
}

/** Takes up to `count` message interrupts; fewer when the platform runs out of them. */
function allocateVectors(pciFunction: PciFunction, count: number): Interrupt[] {
  const vectors: Interrupt[] = [];
  try {
    while (vectors.length < count) vectors.push(pciFunction.access.allocateMessageInterrupt());
  } catch {
    // None left: the driver makes do with those it got, or with the line.
  }
  return vectors;
}

/** A structure of the capability in the registers: which words, or undefined when it is not inside. */
function locate(
  pciFunction: PciFunction,
  pointer: number,
  size: number,
): { registers: RegisterMemory; word: number } | undefined {
  const bar = pointer & 7;
  const offset = pointer - bar;
  const described = pciFunction.access.bar(bar);
  if (described?.kind !== 'memory' || offset + size > described.size) return undefined;
  return { registers: pciFunction.memory(bar), word: offset / 4 };
}

function openMsix(pciFunction: PciFunction, count: number): InterruptSet | undefined {
  const { access } = pciFunction;
  const capability = pciFunction.capability(capabilityKind.msix);
  if (capability === undefined) return undefined;
  const control = capability.offset + msix.control;
  const entries = (access.read(control, 2) & msix.sizeMask) + 1;
  const table = locate(
    pciFunction,
    access.read(capability.offset + msix.table, 4),
    entries * msix.entryWords * 4,
  );
  const pending = locate(
    pciFunction,
    access.read(capability.offset + msix.pending, 4),
    Math.ceil(entries / 64) * 8,
  );
  if (table === undefined || pending === undefined) return undefined;
  const vectors = allocateVectors(pciFunction, Math.min(count, entries));
  if (vectors.length === 0) return undefined;

  // The table may only be changed while its vectors are masked (6.8.3.5).
  access.write(control, 2, (entries - 1) | msix.enable | msix.maskAll);
  const { words } = table.registers;
  for (let entry = 0; entry < entries; entry++) {
    const at = table.word + entry * msix.entryWords;
    const vector = vectors[entry];
    words[at + 3] = msix.vectorMasked;
    if (vector === undefined) continue;
    words[at] = vector.messageAddress % 2 ** 32;
    words[at + 1] = Math.floor(vector.messageAddress / 2 ** 32);
    words[at + 2] = vector.messageData;
    words[at + 3] = 0;
  }
  access.write(control, 2, (entries - 1) | msix.enable);
  return {
    kind: 'msix',
    vectors,
    setMasked(vector, masked) {
      if (vector >= vectors.length) return;
      words[table.word + vector * msix.entryWords + 3] = masked ? msix.vectorMasked : 0;
    },
    isPending(vector) {
      const word = Atomics.load(pending.registers.words, pending.word + (vector >> 5));
      return ((word >>> (vector & 31)) & 1) === 1;
    },
    release() {
      clearBits(access, control, msix.enable);
      for (const vector of vectors) vector.release();
    },
  };
}

function openMsi(pciFunction: PciFunction): InterruptSet | undefined {
  const { access } = pciFunction;
  const capability = pciFunction.capability(capabilityKind.msi);
  if (capability === undefined) return undefined;
  const control = capability.offset + msi.control;
  const vectors = allocateVectors(pciFunction, 1);
  const vector = vectors[0];
  if (vector === undefined) return undefined;
  const flags = access.read(control, 2);
  const is64Bit = (flags & msi.is64Bit) !== 0;
  if (!is64Bit && vector.messageAddress >= 2 ** 32) {
    vector.release();
    return undefined;
  }
  access.write(capability.offset + msi.addressLow, 4, vector.messageAddress % 2 ** 32);
  if (is64Bit) {
    access.write(
      capability.offset + msi.addressHigh,
      4,
      Math.floor(vector.messageAddress / 2 ** 32),
    );
  }
  access.write(capability.offset + (is64Bit ? msi.data64 : msi.data32), 2, vector.messageData);
  access.write(control, 2, (flags & ~msi.countMask) | msi.enable);
  return {
    kind: 'msi',
    vectors,
    setMasked() {},
    isPending: () => false,
    release() {
      clearBits(access, control, msi.enable);
      vector.release();
    },
  };
}
