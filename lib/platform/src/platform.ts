/**
 * What a driver gets from the machine. In the guest the kernel's bindings stand behind these
 * interfaces, in tests a model of a device does. No driver ever sees a raw address that it could
 * forge: it asks for the registers of its own function and for DMA memory, and gets objects.
 */

/** Registers of a device in memory. Accesses go out exactly as wide as the array's elements. */
export interface RegisterMemory {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  /** Bytes; the arrays cover all of it, rounded down to their elements. */
  readonly size: number;
}

/** Registers of a device in I/O port space, offsets from the start of its range. */
export interface RegisterPorts {
  readonly size: number;
  /** @param width bytes: 1, 2 or 4 */
  read(offset: number, width: 1 | 2 | 4): number;
  write(offset: number, width: 1 | 2 | 4, value: number): void;
}

/** Memory that devices may read and write, contiguous for them, zeroed. */
export interface DmaMemory {
  /** Its place in the memory that the stack and drivers share (Memory.bytes). */
  readonly offset: number;
  readonly size: number;
  /** Where devices see it; below 2^53. */
  readonly deviceAddress: number;
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
}

/** An interrupt that a driver owns. */
export interface Interrupt {
  /** For MSI and MSI-X: what the device writes, and where to; 0 for lines. */
  readonly messageAddress: number;
  readonly messageData: number;
  /**
   * Names what runs, in the isolate's loop, after the interrupt came one or more times. A line is masked
   * until acknowledge().
   */
  onInterrupt(handler: () => void): void;
  /** Lets a line interrupt again; nothing to do for messages. */
  acknowledge(): void;
  /** Gives the interrupt back. */
  release(): void;
}

/** A PCI function, by which a driver reaches its configuration space and its registers. */
export interface PciFunctionAccess {
  readonly segment: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
  /** Reads configuration space; all ones where nothing answers. */
  read(register: number, width: 1 | 2 | 4): number;
  /** Writes configuration space. The kernel refuses base address registers: it has placed them. */
  write(register: number, width: 1 | 2 | 4, value: number): void;
  /** Kind and size of a base address register, undefined when it is not in use. */
  bar(index: number): { readonly kind: 'memory' | 'ports'; readonly size: number } | undefined;
  /** Maps the registers behind a base address register. Throws when it is not of that kind. */
  mapMemory(bar: number): RegisterMemory;
  openPorts(bar: number): RegisterPorts;
  /** An interrupt that the function raises by a message (MSI or MSI-X). Throws when none is left. */
  allocateMessageInterrupt(): Interrupt;
  /** The interrupt line (INTx) of the function, shared as lines are. Throws when it has none. */
  openLineInterrupt(): Interrupt;
}

/** A virtio device over MMIO. */
export interface VirtioMmioDevice {
  readonly kind: 'virtio-mmio';
  /** Its place among the platform's devices, from 0 on. */
  readonly number: number;
  readonly registers: RegisterMemory;
  /** Opens its interrupt, a line. Throws when it has none. */
  openInterrupt(): Interrupt;
}

/** VGA's text screen: cells of character and attribute, 80 by 25 of them. */
export interface TextScreenDevice {
  readonly kind: 'text-screen';
  /** Its place among the platform's devices, from 0 on. */
  readonly number: number;
  readonly memory: RegisterMemory;
  /** Index and data of the CRT controller. */
  readonly ports: RegisterPorts;
}

/** The keyboard controller of a PC (8042). */
export interface KeyboardControllerDevice {
  readonly kind: 'keyboard-controller';
  /** Its place among the platform's devices, from 0 on. */
  readonly number: number;
  /** 0 is data, 1 is status (read) and command (written). */
  readonly ports: RegisterPorts;
  /** Opens the keyboard's interrupt. Throws when it has none. */
  openInterrupt(): Interrupt;
}

/** Where one colour lies in a pixel: its lowest bit, and how many bits it has. */
export interface ColourField {
  readonly position: number;
  readonly size: number;
}

/** How pixels lie in memory. */
export interface PixelLayout {
  readonly width: number;
  readonly height: number;
  /** Bytes from one line to the next. */
  readonly pitch: number;
  /** 15, 16, 24 or 32. */
  readonly bitsPerPixel: number;
  readonly red: ColourField;
  readonly green: ColourField;
  readonly blue: ColourField;
}

/** A framebuffer that the boot loader has set up. */
export interface FramebufferDevice {
  readonly kind: 'framebuffer';
  /** Its place among the platform's devices, from 0 on. */
  readonly number: number;
  readonly memory: RegisterMemory;
  readonly layout: PixelLayout;
}

/** Something the platform describes itself, without a bus to look through. */
export type PlatformDevice =
  | VirtioMmioDevice
  | TextScreenDevice
  | KeyboardControllerDevice
  | FramebufferDevice;

/** A serial port of a PC: registers of a 16550 and its interrupt. */
export interface SerialPort {
  /** Its number, from 0 on: COM1 is 0. */
  readonly number: number;
  /** The kernel writes its log there, and early output of the app. Its line settings stay as they are. */
  readonly isBootConsole: boolean;
  /** Takes the port over: what arrives is for the caller alone. Throws when that cannot be. */
  open(): Interrupt;
  /** Reads a register, 0 to 7. Not for data and line status: see receive(). */
  read(register: number): number;
  write(register: number, value: number): void;
  /** Gives bytes to the transmitter as long as it takes them at once. @returns how many it took */
  transmit(bytes: Uint8Array): number;
  /**
   * Takes what has arrived.
   * @returns how many bytes it put at the start of `into`
   */
  receive(into: Uint8Array): number;
  /** Error bits of the line status register (overrun 2, parity 4, framing 8, break 16) that the last receive() saw. */
  readonly errors: number;
}

/** The machine, as drivers see it. */
export interface Platform {
  /** Every PCI function that answers, in order of address. */
  pciFunctions(): readonly PciFunctionAccess[];
  platformDevices(): readonly PlatformDevice[];
  /** The serial ports that are there, in order of number. */
  serialPorts(): readonly SerialPort[];
  /** @returns memory of at least `size` bytes, page-aligned. Throws when there is none. */
  allocateDma(size: number): DmaMemory;
  freeDma(memory: DmaMemory): void;
  /** Microseconds on a clock that never goes back. */
  now(): number;
  /** Runs something once, at or after an instant of now(); returns what cancels it. */
  at(instant: number, run: () => void): () => void;
  log(level: 'error' | 'warn' | 'info' | 'debug', text: string): void;
  /** Gives bytes from a hardware random source to the kernel's pool. */
  addEntropy(bytes: Uint8Array): void;
}
