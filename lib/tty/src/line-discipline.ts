/**
 * The line discipline: what happens to input between a terminal and the app, as termios(3) describes it. Pure:
 * bytes in, calls of a host out.
 */
import { EditedLine, type Shown } from './edited-line.ts';
import {
  controlCharacter,
  inputFlag,
  localFlag,
  noCharacter,
  outputFlag,
  type TerminalSettings,
} from './settings.ts';

/** Signals that keys stand for, with their numbers. */
export const keySignal = { interrupt: 2, quit: 3, suspend: 20 } as const;
export type KeySignal = (typeof keySignal)[keyof typeof keySignal];

/** What the discipline works for. */
export interface LineDisciplineHost {
  /** Bytes of input that the app's side has room for. */
  room(): number;
  /**
   * Gives input to the app; at most room() bytes, valid during the call only.
   * @param isLine it is a whole line, or without bytes the end of file
   */
  deliver(bytes: Uint8Array, isLine: boolean): void;
  /** Shows bytes on the terminal, behind the output so far; valid during the call only. */
  echo(bytes: Uint8Array): void;
  /** Column that the cursor is in behind the output so far. */
  column(): number;
  /** A key for a signal was pressed. @param flush what was typed, and output not sent, is to be dropped */
  signal(signal: KeySignal, flush: boolean): void;
  /** Output is to stop (Ctrl-S), or to go on. */
  holdOutput(isHeld: boolean): void;
}

const bell = 0x07;
const backspace = 0x08;
const tab = 0x09;
const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const deleteCharacter = 0x7f;
const caret = 0x5e;
/** Distance from a control character to the letter that stands for it. */
const toLetter = 0x40;
const echoCapacity = 4096;
const pieceCapacity = 4096;

/** Input flags under which bytes have to be looked at one by one. */
const changingFlags =
  inputFlag.stripTo7Bits |
  inputFlag.newlineToReturn |
  inputFlag.ignoreReturn |
  inputFlag.returnToNewline |
  inputFlag.upperToLower |
  inputFlag.outputControl |
  inputFlag.markErrors;
const changingLocalFlags = localFlag.signals | localFlag.canonical | localFlag.echo;

/** A line discipline. */
export class LineDiscipline {
  /** What was dropped, and why. */
  readonly counters = { overlongLineBytes: 0, lostBytes: 0, heldOutputs: 0 };
  readonly #host: LineDisciplineHost;
  readonly #line = new EditedLine();
  readonly #echo = new Uint8Array(echoCapacity);
  #echoLength = 0;
  readonly #piece = new Uint8Array(pieceCapacity);
  #pieceLength = 0;
  #settings: TerminalSettings;
  #isLiteral = false;
  #isHeld = false;

  constructor(host: LineDisciplineHost, settings: TerminalSettings) {
    this.#host = host;
    this.#settings = settings;
  }

  /** Takes over what the app has changed. What was typed of a line can be read when lines end to matter. */
  change(settings: TerminalSettings): void {
    const wasCanonical = this.#has(localFlag.canonical);
    this.#settings = settings;
    if (wasCanonical && !this.#has(localFlag.canonical) && this.#line.length > 0) {
      const { bytes } = this.#line;
      const length = Math.min(bytes.length, this.#host.room());
      this.counters.lostBytes += bytes.length - length;
      if (length > 0) this.#host.deliver(bytes.subarray(0, length), false);
      this.#line.clear();
    }
    this.#isLiteral = false;
    if ((settings.inputFlags & inputFlag.outputControl) === 0) this.#hold(false);
  }

  /** Forgets what was typed of the current line. */
  flush(): void {
    this.#line.clear();
    this.#isLiteral = false;
  }

  /** Whether Ctrl-S has stopped the output. */
  get isOutputHeld(): boolean {
    return this.#isHeld;
  }

  /** Lets output go on, whoever stopped it. */
  releaseOutput(): void {
    this.#hold(false);
  }

  /** A break condition came (c_iflag: IGNBRK, BRKINT; else it reads as a zero byte). */
  receiveBreak(): void {
    const { inputFlags } = this.#settings;
    if (inputFlags & inputFlag.ignoreBreak) return;
    if (inputFlags & inputFlag.breakInterrupts) this.#raise(keySignal.interrupt);
    else this.receive(Uint8Array.of(0));
  }

  /**
   * Processes input.
   * @returns how many bytes were taken; fewer than given when the app's side has no room for more
   */
  receive(bytes: Uint8Array): number {
    const taken = this.#isTransparent() ? this.#pass(bytes) : this.#process(bytes);
    this.#flushEcho();
    return taken;
  }

  #has(flag: number): boolean {
    return (this.#settings.localFlags & flag) !== 0;
  }

  #isTransparent(): boolean {
    const { inputFlags, localFlags } = this.#settings;
    return (
      (inputFlags & changingFlags) === 0 && (localFlags & changingLocalFlags) === 0 && !this.#isHeld
    );
  }

  #pass(bytes: Uint8Array): number {
    const length = Math.min(bytes.length, this.#host.room());
    if (length > 0) this.#host.deliver(bytes.subarray(0, length), false);
    return length;
  }

  #process(bytes: Uint8Array): number {
    let index = 0;
    // Room for a marked byte, which is doubled, on top of what has been collected.
    while (index < bytes.length && this.#hasRoom()) {
      this.#take(bytes[index] as number);
      index += 1;
    }
    this.#deliverPiece();
    return index;
  }

  #hasRoom(): boolean {
    if (this.#pieceLength + 2 > pieceCapacity) this.#deliverPiece();
    const waiting = this.#has(localFlag.canonical) ? this.#line.length + 1 : this.#pieceLength + 2;
    return this.#host.room() >= waiting;
  }

  #take(received: number): void {
    const { inputFlags } = this.#settings;
    let byte = received;
    if (inputFlags & inputFlag.stripTo7Bits) byte &= 0x7f;
    if (inputFlags & inputFlag.upperToLower && this.#has(localFlag.extended) && isUpper(byte)) {
      byte += 0x20;
    }
    if (this.#isLiteral) {
      this.#isLiteral = false;
      this.#add(byte);
      return;
    }
    if (this.#isFlowControl(byte) || this.#isSignal(byte)) return;
    if (byte === carriageReturn) {
      if (inputFlags & inputFlag.ignoreReturn) return;
      if (inputFlags & inputFlag.returnToNewline) byte = newline;
    } else if (byte === newline && inputFlags & inputFlag.newlineToReturn) {
      byte = carriageReturn;
    }
    if (this.#has(localFlag.canonical)) this.#edit(byte);
    else this.#add(byte);
  }

  #is(place: number, byte: number): boolean {
    return byte !== noCharacter && this.#settings.controlCharacters[place] === byte;
  }

  #isFlowControl(byte: number): boolean {
    const { inputFlags } = this.#settings;
    if ((inputFlags & inputFlag.outputControl) === 0) return false;
    if (this.#is(controlCharacter.start, byte)) {
      this.#hold(false);
      return true;
    }
    if (this.#is(controlCharacter.stop, byte)) {
      this.#hold(true);
      return true;
    }
    if (inputFlags & inputFlag.anyRestarts) this.#hold(false);
    return false;
  }

  #isSignal(byte: number): boolean {
    if (!this.#has(localFlag.signals)) return false;
    if (this.#is(controlCharacter.interrupt, byte)) this.#raise(keySignal.interrupt, byte);
    else if (this.#is(controlCharacter.quit, byte)) this.#raise(keySignal.quit, byte);
    else if (this.#is(controlCharacter.suspend, byte)) this.#raise(keySignal.suspend, byte);
    else return false;
    return true;
  }

  /** @param key what was pressed, to be shown before the app can say something about it */
  #raise(signal: KeySignal, key?: number): void {
    const flush = !this.#has(localFlag.noFlush);
    if (flush) {
      this.flush();
      this.#pieceLength = 0;
      this.#echoLength = 0;
    }
    this.#hold(false);
    if (key !== undefined) this.#echoByte(key);
    this.#flushEcho();
    this.#host.signal(signal, flush);
  }

  #hold(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) this.counters.heldOutputs += 1;
    this.#host.holdOutput(isHeld);
  }

  /** A byte of the input itself. */
  #add(byte: number): void {
    const marks = inputFlag.markErrors | inputFlag.stripTo7Bits;
    const isMarked = byte === 0xff && (this.#settings.inputFlags & marks) === inputFlag.markErrors;
    if (this.#has(localFlag.canonical)) {
      if (this.#line.length === 0) this.#line.startColumn = this.#host.column();
      if (isMarked) this.#addToLine(byte);
      const isAdded = this.#addToLine(byte);
      if (!isAdded && this.#settings.inputFlags & inputFlag.bellWhenFull) this.#show(bell);
      else this.#echoByte(byte);
      return;
    }
    if (isMarked) this.#piece[this.#pieceLength++] = byte;
    this.#piece[this.#pieceLength++] = byte;
    this.#echoByte(byte);
  }

  /** @returns false when the line is too long, and the byte is dropped */
  #addToLine(byte: number): boolean {
    if (this.#line.isFull) {
      this.counters.overlongLineBytes += 1;
      return false;
    }
    this.#line.push(byte);
    return true;
  }

  #deliverPiece(): void {
    if (this.#pieceLength === 0) return;
    this.#flushEcho(); // what the app says to it comes behind
    this.#host.deliver(this.#piece.subarray(0, this.#pieceLength), false);
    this.#pieceLength = 0;
  }

  #edit(byte: number): void {
    const isExtended = this.#has(localFlag.extended);
    if (this.#is(controlCharacter.erase, byte)) this.#erase(byte, 'character');
    else if (this.#is(controlCharacter.kill, byte)) this.#kill(byte);
    else if (isExtended && this.#is(controlCharacter.wordErase, byte)) this.#erase(byte, 'word');
    else if (isExtended && this.#is(controlCharacter.literalNext, byte)) this.#expectLiteral();
    else if (isExtended && this.#is(controlCharacter.reprint, byte)) this.#reprint(byte);
    else if (this.#is(controlCharacter.endOfFile, byte)) this.#endLine();
    else if (this.#endsLine(byte)) this.#endLineWith(byte);
    else this.#add(byte);
  }

  #expectLiteral(): void {
    this.#isLiteral = true;
    if (!this.#has(localFlag.echo) || !this.#has(localFlag.echoControl)) return;
    this.#show(caret);
    this.#show(backspace);
  }

  #endsLine(byte: number): boolean {
    return (
      byte === newline ||
      this.#is(controlCharacter.endOfLine, byte) ||
      (this.#has(localFlag.extended) && this.#is(controlCharacter.endOfLine2, byte))
    );
  }

  #endLineWith(byte: number): void {
    if (byte !== newline) this.#echoByte(byte);
    else if (this.#has(localFlag.echo) || this.#has(localFlag.echoNewline)) this.#showNewline();
    this.#line.push(byte);
    this.#endLine();
  }

  #endLine(): void {
    this.#flushEcho(); // what the app says to it comes behind
    this.#host.deliver(this.#line.bytes, true);
    this.#line.clear();
  }

  get #shown(): Shown {
    return {
      isUtf8: (this.#settings.inputFlags & inputFlag.utf8) !== 0,
      showsControl: this.#has(localFlag.echoControl),
    };
  }

  #erase(key: number, what: 'character' | 'word'): void {
    if (this.#line.length === 0) return;
    const wipe = this.#has(localFlag.echo) && this.#has(localFlag.echoErase) ? this.#wipe : noWipe;
    if (what === 'word') this.#line.eraseWord(this.#shown, wipe);
    else this.#line.eraseCharacter(this.#shown, wipe);
    if (!this.#has(localFlag.echoErase)) this.#echoByte(key);
  }

  #kill(key: number): void {
    const wipes =
      localFlag.echo | localFlag.echoKill | localFlag.echoKillErase | localFlag.echoErase;
    if ((this.#settings.localFlags & wipes) === wipes) {
      this.#line.eraseAll(this.#shown, this.#wipe);
      return;
    }
    this.#line.clear();
    if (!this.#has(localFlag.echo)) return;
    this.#echoByte(key);
    if (this.#has(localFlag.echoKill)) this.#showNewline();
  }

  #reprint(key: number): void {
    if (!this.#has(localFlag.echo)) return;
    this.#echoByte(key);
    this.#showNewline();
    this.#line.startColumn = 0;
    for (const byte of this.#line.bytes) this.#echoByte(byte);
  }

  /** A tab left nothing to wipe. */
  readonly #wipe = (columns: number, isTab: boolean): void => {
    for (let count = 0; count < columns; count += 1) {
      this.#show(backspace);
      if (isTab) continue;
      this.#show(space);
      this.#show(backspace);
    }
  };

  #echoByte(byte: number): void {
    if (!this.#has(localFlag.echo)) return;
    if (byte === newline) {
      this.#showNewline();
      return;
    }
    const isControl = (byte < space && byte !== tab) || byte === deleteCharacter;
    if (isControl && this.#has(localFlag.echoControl)) {
      this.#show(caret);
      this.#show(byte ^ toLetter);
      return;
    }
    this.#show(byte);
  }

  #showNewline(): void {
    const processed = outputFlag.process | outputFlag.newlineToReturnNewline;
    if ((this.#settings.outputFlags & processed) === processed) this.#show(carriageReturn);
    this.#show(newline);
  }

  #show(byte: number): void {
    if (this.#echoLength === echoCapacity) this.#flushEcho();
    this.#echo[this.#echoLength] = byte;
    this.#echoLength += 1;
  }

  #flushEcho(): void {
    if (this.#echoLength === 0) return;
    this.#host.echo(this.#echo.subarray(0, this.#echoLength));
    this.#echoLength = 0;
  }
}

const noWipe = (): void => {};
const isUpper = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
