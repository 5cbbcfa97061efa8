/** What the app has asked of a terminal: termios(3), in the numbers of Linux on x86-64. */

/** c_iflag. */
export const inputFlag = {
  ignoreBreak: 0x1,
  breakInterrupts: 0x2,
  markErrors: 0x8,
  stripTo7Bits: 0x20,
  newlineToReturn: 0x40,
  ignoreReturn: 0x80,
  returnToNewline: 0x100,
  upperToLower: 0x200,
  outputControl: 0x400,
  anyRestarts: 0x800,
  bellWhenFull: 0x2000,
  utf8: 0x4000,
} as const;

/** c_oflag. */
export const outputFlag = { process: 0x1, newlineToReturnNewline: 0x4 } as const;

/** c_lflag. */
export const localFlag = {
  signals: 0x1,
  canonical: 0x2,
  echo: 0x8,
  echoErase: 0x10,
  echoKill: 0x20,
  echoNewline: 0x40,
  noFlush: 0x80,
  echoControl: 0x200,
  echoKillErase: 0x800,
  extended: 0x8000,
} as const;

/** Places in c_cc. */
export const controlCharacter = {
  interrupt: 0,
  quit: 1,
  erase: 2,
  kill: 3,
  endOfFile: 4,
  time: 5,
  minimum: 6,
  start: 8,
  stop: 9,
  suspend: 10,
  endOfLine: 11,
  reprint: 12,
  wordErase: 14,
  literalNext: 15,
  endOfLine2: 16,
} as const;

/** In the place of a control character: there is none. */
export const noCharacter = 0;

/** Settings of a terminal. */
export interface TerminalSettings {
  readonly inputFlags: number;
  readonly outputFlags: number;
  readonly localFlags: number;
  /** c_cc: 19 bytes. */
  readonly controlCharacters: Uint8Array;
}

/** What a terminal begins with: canonical mode with echo, the keys that Linux has. */
export function defaultSettings(): TerminalSettings {
  const input = inputFlag.returnToNewline | inputFlag.outputControl | inputFlag.utf8;
  const local =
    localFlag.signals |
    localFlag.canonical |
    localFlag.echo |
    localFlag.echoErase |
    localFlag.echoKill |
    localFlag.echoControl |
    localFlag.echoKillErase |
    localFlag.extended;
  return {
    inputFlags: input,
    outputFlags: outputFlag.process | outputFlag.newlineToReturnNewline,
    localFlags: local,
    controlCharacters: Uint8Array.of(
      ...[3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
    ),
  };
}
