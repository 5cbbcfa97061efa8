/**
 * The parser of control sequences (ECMA-48; the states are those of DEC's VT500 as Paul Williams drew
 * them, vt100.net/emu/dec_ansi_parser). It knows the form of sequences, not what they mean; what is
 * malformed or too long is swallowed whole, so that none of it shows.
 */

/** Parameters of a sequence: `1;38:5:9` has 1, 38, 5, 9, of which the last two are joined to what precedes. */
export interface Parameters {
  readonly values: readonly number[];
  /** Whether a value was written behind a colon, as a part of the one before. */
  readonly joined: readonly boolean[];
}

/** What the parser finds. */
export interface ParserActions {
  /** A character to show. */
  print(point: number): void;
  /** A control character, of C0 or C1. */
  control(code: number): void;
  /**
   * A control sequence.
   * @param marks private marker (`<=>?`) and intermediates (space to `/`) in this order, often empty
   * @param final its last character
   */
  sequence(marks: string, parameters: Parameters, final: string): void;
  /** ESC, intermediates, and a last character. */
  escape(marks: string, final: string): void;
  /** An operating system command, such as one that sets the title. */
  command(text: string): void;
}

/** Parameters beyond these are ignored, and so is what makes a number larger. */
const mostParameters = 32;
const largestValue = 0xffff;
/** Longest text of an operating system command that is kept. */
const longestCommand = 1024;

type State =
  | 'ground'
  | 'escape'
  | 'escape-intermediate'
  | 'sequence'
  | 'sequence-ignored'
  | 'command'
  | 'string';

const code = {
  cancel: 0x18,
  substitute: 0x1a,
  escape: 0x1b,
  bell: 0x07,
  delete: 0x7f,
  /** C1 controls that begin something (ECMA-48 8.3). */
  device: 0x90,
  start: 0x98,
  sequence: 0x9b,
  terminator: 0x9c,
  command: 0x9d,
  privacy: 0x9e,
  application: 0x9f,
} as const;

/** Takes code points, in any pieces. */
export class Parser {
  readonly #actions: ParserActions;
  #state: State = 'ground';
  #marks = '';
  #values: number[] = [];
  #joined: boolean[] = [];
  #hasDigits = false;
  #sawIntermediate = false;
  #command = '';

  constructor(actions: ParserActions) {
    this.#actions = actions;
  }

  /** Takes one code point. */
  take(point: number): void {
    if (point === code.cancel || point === code.substitute) {
      this.#state = 'ground';
    } else if (point === code.escape) {
      // In a string it begins the terminator (ESC \): what is held of a command is over either way.
      if (this.#state === 'command') this.#endCommand();
      this.#state = 'escape';
      this.#marks = '';
    } else if (point >= 0x80 && point <= 0x9f) {
      this.#takeC1(point);
    } else {
      this.#takeOther(point);
    }
  }

  /** Forgets what has begun. */
  reset(): void {
    this.#state = 'ground';
  }

  #takeC1(point: number): void {
    if (this.#state === 'command' && point === code.terminator) this.#endCommand();
    this.#state = 'ground';
    if (point === code.sequence) this.#beginSequence();
    else if (point === code.command) this.#beginCommand();
    else if (point === code.device || point === code.start || point >= code.privacy) {
      this.#state = 'string';
    } else if (point !== code.terminator) this.#actions.control(point);
  }

  #takeOther(point: number): void {
    switch (this.#state) {
      case 'ground':
        if (point < 0x20) this.#actions.control(point);
        else if (point !== code.delete) this.#actions.print(point);
        return;
      case 'escape':
      case 'escape-intermediate':
        this.#takeEscape(point);
        return;
      case 'sequence':
      case 'sequence-ignored':
        this.#takeSequence(point);
        return;
      case 'command':
        if (point === code.bell) this.#endCommand();
        else if (point >= 0x20 && this.#command.length < longestCommand) {
          this.#command += String.fromCodePoint(point);
        }
        return;
      case 'string':
        if (point === code.bell) this.#state = 'ground'; // xterm lets BEL end any string
    }
  }

  #takeEscape(point: number): void {
    if (point < 0x20) {
      this.#actions.control(point);
    } else if (point <= 0x2f) {
      this.#marks += String.fromCodePoint(point);
      this.#state = 'escape-intermediate';
    } else if (point > 0x7e) {
      // DEL is ignored; a character of another alphabet ends what cannot be a sequence any more.
      if (point !== code.delete) this.#state = 'ground';
    } else if (this.#state === 'escape' && this.#beginAfterEscape(point)) {
      return;
    } else {
      this.#state = 'ground';
      this.#actions.escape(this.#marks.slice(0, 4), String.fromCodePoint(point));
    }
  }

  /** Whether ESC and this character stand for a C1 control that begins something. */
  #beginAfterEscape(point: number): boolean {
    const c1 = point + 0x40;
    if (c1 === code.sequence) this.#beginSequence();
    else if (c1 === code.command) this.#beginCommand();
    else if (
      c1 === code.device ||
      c1 === code.start ||
      c1 === code.privacy ||
      c1 === code.application
    ) {
      this.#state = 'string';
    } else return false;
    return true;
  }

  #beginSequence(): void {
    this.#state = 'sequence';
    this.#marks = '';
    this.#values = [];
    this.#joined = [];
    this.#hasDigits = false;
    this.#sawIntermediate = false;
  }

  #beginCommand(): void {
    this.#state = 'command';
    this.#command = '';
  }

  #endCommand(): void {
    this.#state = 'ground';
    this.#actions.command(this.#command);
  }

  #takeSequence(point: number): void {
    if (point < 0x20) {
      this.#actions.control(point);
    } else if (point >= 0x40 && point <= 0x7e) {
      const isWhole = this.#state === 'sequence';
      this.#state = 'ground';
      if (!isWhole) return;
      if (!this.#hasDigits && this.#values.length > 0) this.#push(0, this.#nextJoined);
      const parameters = { values: this.#values, joined: this.#joined };
      this.#actions.sequence(this.#marks, parameters, String.fromCodePoint(point));
    } else if (point > code.delete) {
      this.#state = 'ground';
    } else if (point !== code.delete && !this.#takeParameter(point)) {
      this.#state = 'sequence-ignored';
    }
  }

  #nextJoined = false;

  /** @returns false when the sequence is malformed */
  #takeParameter(point: number): boolean {
    if (point <= 0x2f) {
      this.#sawIntermediate = true;
      this.#marks += String.fromCodePoint(point);
      return this.#marks.length <= 4;
    }
    if (this.#sawIntermediate) return false;
    if (point >= 0x3c) {
      if (this.#values.length > 0 || this.#hasDigits || this.#marks !== '') return false;
      this.#marks = String.fromCodePoint(point);
      return true;
    }
    if (point <= 0x39) {
      if (!this.#hasDigits) this.#push(0, this.#values.length > 0 && this.#nextJoined);
      this.#hasDigits = true;
      const at = this.#values.length - 1;
      const value = (this.#values[at] as number) * 10 + (point - 0x30);
      this.#values[at] = Math.min(value, largestValue);
      return true;
    }
    // A separator; an empty parameter before it counts as 0.
    if (!this.#hasDigits) this.#push(0, this.#values.length > 0 && this.#nextJoined);
    this.#hasDigits = false;
    this.#nextJoined = point === 0x3a;
    return true;
  }

  #push(value: number, isJoined: boolean): void {
    if (this.#values.length > mostParameters) this.#values.pop();
    this.#joined.length = this.#values.length;
    this.#values.push(value);
    this.#joined.push(isJoined);
  }
}
