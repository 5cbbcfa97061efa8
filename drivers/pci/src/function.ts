/** A PCI function as a driver uses it: who it is, what it can do, its registers and interrupts. */
import type {
  PciFunctionAccess,
  Platform,
  RegisterMemory,
  RegisterPorts,
} from '@runtimejs/platform/platform.ts';
import { type Capability, readCapabilities } from './capabilities.ts';
import { type InterruptSet, openInterrupts } from './interrupts.ts';
import { command, configuration } from './registers.ts';

/** Which functions a driver takes; what is left out matches anything. */
export interface FunctionMatch {
  readonly vendor?: number;
  /** One of these device IDs. */
  readonly devices?: readonly number[];
  /** Class in bits 8 to 15, subclass in bits 0 to 7, e.g. 0x0200: Ethernet controller. */
  readonly class?: number;
}

/** A function with its identity read. */
export class PciFunction {
  readonly access: PciFunctionAccess;
  /** Where it is: `segment:bus:device.function`, in hexadecimal as customary. */
  readonly name: string;
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Class in bits 8 to 15, subclass in bits 0 to 7. */
  readonly class: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
  /** The capability list, in its order. Empty for a list that loops at once or leaves the space. */
  readonly capabilities: readonly Capability[];
  readonly #memory = new Map<number, RegisterMemory>();
  readonly #ports = new Map<number, RegisterPorts>();

  constructor(access: PciFunctionAccess) {
    this.access = access;
    this.name = functionName(access);
    this.vendor = access.read(configuration.vendor, 2);
    this.device = access.read(configuration.device, 2);
    this.revision = access.read(configuration.revision, 1);
    this.class =
      (access.read(configuration.classCode + 2, 1) << 8) |
      access.read(configuration.classCode + 1, 1);
    this.subsystemVendor = access.read(configuration.subsystemVendor, 2);
    this.subsystem = access.read(configuration.subsystem, 2);
    this.capabilities = readCapabilities(access);
  }

  /** The first capability of a kind (capabilityKind), undefined when it has none. */
  capability(kind: number): Capability | undefined {
    return this.capabilities.find((capability) => capability.kind === kind);
  }

  /** The registers behind a base address register, mapped once. Throws when they are not in memory. */
  memory(bar: number): RegisterMemory {
    let registers = this.#memory.get(bar);
    if (registers === undefined) {
      registers = this.access.mapMemory(bar);
      this.#memory.set(bar, registers);
    }
    return registers;
  }

  /** The ports behind a base address register, opened once. Throws when they are not ports. */
  ports(bar: number): RegisterPorts {
    let ports = this.#ports.get(bar);
    if (ports === undefined) {
      ports = this.access.openPorts(bar);
      this.#ports.set(bar, ports);
    }
    return ports;
  }

  /** Lets the function answer at its base addresses, and access memory itself. */
  enable(): void {
    this.#changeCommand(command.memory | command.ports | command.busMaster, 0);
  }

  /** Lets the function answer, but not access memory: for the time of its reset. */
  enableRegisters(): void {
    this.#changeCommand(command.memory | command.ports, 0);
  }

  /**
   * Stops all DMA of the function and its message interrupts, whatever it thinks. The last resort
   * for a device that does not obey.
   */
  disableBusMaster(): void {
    this.#changeCommand(0, command.busMaster);
  }

  /**
   * Opens its interrupts: MSI-X with up to `count` vectors, else MSI with one, else the line.
   * Throws when the function has no usable interrupt at all.
   */
  openInterrupts(count: number): InterruptSet {
    return openInterrupts(this, count);
  }

  #changeCommand(set: number, clear: number): void {
    const before = this.access.read(configuration.command, 2);
    const after = (before | set) & ~clear;
    if (after !== before) this.access.write(configuration.command, 2, after);
  }
}

/** The customary name of a function, e.g. `0000:00:03.0`. */
export function functionName(access: PciFunctionAccess): string {
  const hexadecimal = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const { segment, bus, device } = access;
  return `${hexadecimal(segment, 4)}:${hexadecimal(bus, 2)}:${hexadecimal(device, 2)}.${access.function}`;
}

/** The functions of the machine that match, in order of address. */
export function findFunctions(platform: Platform, match: FunctionMatch): PciFunction[] {
  const found: PciFunction[] = [];
  for (const access of platform.pciFunctions()) {
    if (match.vendor !== undefined && access.read(configuration.vendor, 2) !== match.vendor) {
      continue;
    }
    if (match.devices?.includes(access.read(configuration.device, 2)) === false) continue;
    const pciFunction = new PciFunction(access);
    if (match.class !== undefined && pciFunction.class !== match.class) continue;
    found.push(pciFunction);
  }
  return found;
}
