// Machines with a screen and a keyboard: keys are pressed through QEMU's monitor, and the screen is read as text
// and as a picture.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { PNG } from 'pngjs';
import { fetchFont } from '../../../lib/cli/src/font.ts';
import {
  type BootOptions,
  detectAccelerator,
  type RunningMachine,
  startMachine,
} from '../../../lib/cli/src/machine.ts';
import { type Font, parseFont } from '../../../lib/tty/src/screen/font.ts';
import { Monitor } from './monitor.ts';

/** Where VGA's text screen is, and how large. */
const textMemory = 0xb8000;
const textColumns = 80;
const textRows = 25;
/** How long something may take to appear: a busy machine without KVM needs long. */
const patience = 240_000;

/** Names of keys for QEMU's `sendkey`, of what is printed on a US keyboard. */
const keyNames: Readonly<Record<string, string>> = {
  ' ': 'spc',
  '-': 'minus',
  '=': 'equal',
  '[': 'bracket_left',
  ']': 'bracket_right',
  ';': 'semicolon',
  "'": 'apostrophe',
  '`': 'grave_accent',
  '\\': 'backslash',
  ',': 'comma',
  '.': 'dot',
  '/': 'slash',
  '\n': 'ret',
  '\t': 'tab',
  '|': 'shift-backslash',
  '>': 'shift-dot',
  '<': 'shift-comma',
  '"': 'shift-apostrophe',
  ':': 'shift-semicolon',
  '(': 'shift-9',
  ')': 'shift-0',
  '*': 'shift-8',
  '?': 'shift-slash',
  $: 'shift-4',
  '&': 'shift-7',
  _: 'shift-minus',
  '+': 'shift-equal',
  '{': 'shift-bracket_left',
  '}': 'shift-bracket_right',
  '!': 'shift-1',
  '~': 'shift-grave_accent',
};

/** A machine whose screen can be looked at. */
export class ScreenMachine {
  readonly #machine: RunningMachine;
  readonly #monitor: Monitor;
  readonly #folder: string;
  #hasEnded = false;

  private constructor(machine: RunningMachine, monitor: Monitor, folder: string) {
    this.#machine = machine;
    this.#monitor = monitor;
    this.#folder = folder;
    void machine.end.then(() => {
      this.#hasEnded = true;
    });
  }

  /** Starts a machine; `options.extraArguments` name its adapter and its keyboard. */
  static async start(options: BootOptions): Promise<ScreenMachine> {
    const folder = mkdtempSync(path.join(tmpdir(), 'screen-'));
    const monitor = new Monitor(folder, 'monitor');
    const machine = await startMachine({
      timeoutMilliseconds: 2 * patience,
      ...options,
      extraArguments: [...(options.extraArguments ?? []), ...monitor.arguments],
    });
    return new ScreenMachine(machine, monitor, folder);
  }

  /** Starts a machine that boots a CD image by itself. */
  static async startImage(image: string, more: readonly string[]): Promise<ScreenMachine> {
    const folder = mkdtempSync(path.join(tmpdir(), 'screen-'));
    const monitor = new Monitor(folder, 'monitor');
    const kvm = (await detectAccelerator()) === 'kvm';
    let output = '';
    const child = execa(
      'qemu-system-x86_64',
      [
        ...['-accel', kvm ? 'kvm' : 'tcg,thread=multi', '-cpu', kvm ? 'host' : 'max'],
        ...['-smp', '1,maxcpus=2', '-m', '768', '-nodefaults', '-no-user-config'],
        ...['-display', 'none', '-serial', 'stdio', '-no-reboot', '-cdrom', image],
        ...more,
        ...monitor.arguments,
      ],
      {
        stdin: 'ignore',
        reject: false,
        buffer: false,
        timeout: 2 * patience,
        killSignal: 'SIGKILL',
      },
    );
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    const end = child.then((result) => ({
      code: 255,
      reason: 'no report was asked for',
      output,
      timedOut: result.timedOut,
    }));
    const machine = {
      pid: child.pid,
      output: () => output,
      kill: () => child.kill('SIGKILL'),
      end,
    };
    return new ScreenMachine(machine, monitor, folder);
  }

  /** Everything on the serial line so far. */
  output(): string {
    return this.#machine.output();
  }

  /** How the machine ended. */
  get end(): RunningMachine['end'] {
    return this.#machine.end;
  }

  /** Runs a command of QEMU's monitor for people. */
  async command(line: string): Promise<string> {
    return (await this.#monitor.run('human-monitor-command', { 'command-line': line })) as string;
  }

  /** Presses a key, or several at once: `a`, `ctrl-c`, `shift-a`. @param held milliseconds */
  async press(keys: string, held = 100): Promise<void> {
    const answer = await this.command(`sendkey ${keys} ${held}`);
    if (answer !== '') throw new Error(`QEMU cannot press ${keys}: ${answer}`);
    // QEMU releases the key later, by its own clock; the next press must not come before.
    await sleep(held + 20);
  }

  /** Types text on a US keyboard. */
  async type(text: string): Promise<void> {
    for (const character of text) {
      const name = /[A-Z]/.test(character) ? `shift-${character.toLowerCase()}` : character;
      await this.press(keyNames[character] ?? name, 40);
    }
  }

  /** The rows of VGA's text screen, spaces at their ends left out. */
  async textScreen(): Promise<readonly string[]> {
    const file = path.join(this.#folder, 'text');
    await this.#monitor.saveMemory(textMemory, textColumns * textRows * 2, file);
    const cells = readFileSync(file);
    return Array.from({ length: textRows }, (_, row) => {
      const from = row * textColumns * 2;
      const codes = Array.from({ length: textColumns }, (_, at) => cells[from + 2 * at] ?? 0);
      return Buffer.from(codes).toString('latin1').replaceAll('\0', ' ').trimEnd();
    });
  }

  /** The picture on the screen. @param device id of an adapter, when there are several */
  async picture(device?: string): Promise<PNG> {
    const file = path.join(this.#folder, 'picture.png');
    rmSync(file, { force: true });
    const parameters = { filename: file, format: 'png', ...(device ? { device, head: 0 } : {}) };
    await this.#monitor.run('screendump', parameters);
    return PNG.sync.read(readFileSync(file));
  }

  /** The rows of characters in the picture, as the font of framebuffers has them. */
  async pixelText(device?: string): Promise<readonly string[]> {
    return readPicture(await this.picture(device), await loadFont());
  }

  /** Waits until something is so. @throws with what `describe` says when it takes too long or the machine ends */
  async until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
    const end = performance.now() + patience;
    for (;;) {
      if (await isSo()) return;
      const problem = this.#hasEnded ? 'the machine ended' : 'it takes too long';
      if (this.#hasEnded || performance.now() > end) {
        throw new Error(`${what}: ${problem}.\n${this.output().slice(-4000)}`);
      }
      await sleep(50);
    }
  }

  /** Waits for text on the serial line. */
  async untilOutput(pattern: RegExp): Promise<void> {
    await this.until(`${pattern} on the serial line`, () => pattern.test(this.output()));
  }

  /** Ends the machine by force. */
  async stop(): Promise<void> {
    this.#machine.kill();
    await this.#machine.end;
    this.#monitor.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

let font: Font | undefined;

async function loadFont(): Promise<Font> {
  if (font !== undefined) return font;
  const parsed = parseFont(
    new Uint8Array(readFileSync((await fetchFont({ detail: () => {} })).font)),
  );
  if (typeof parsed === 'string') throw new Error(parsed);
  font = parsed;
  return parsed;
}

/** Characters that are looked for in pictures. */
const readable =
  Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('') +
  'äöüßÄÖÜéèêôñ¿¡£¥½±²αβπ≤≥─│┌┐└┘├┤░▒▓█═║╔╗°´µ§€';

/** Reads the characters of a picture, each by the pixels that differ from its cell's background. */
export function readPicture(
  picture: PNG,
  { width, height, glyphOf, bytes }: Font,
): readonly string[] {
  const glyphs = new Map<string, string>();
  for (const character of readable) {
    const glyph = glyphOf(character.codePointAt(0) ?? 0);
    const rows = Array.from({ length: height }, (_, line) => bytes[glyph + line] ?? 0);
    const pattern = rows.map((row) => row.toString(2).padStart(8, '0')).join('');
    if (!glyphs.has(pattern)) glyphs.set(pattern, character);
  }
  const colourAt = (x: number, y: number): number =>
    picture.data.readUInt32BE(4 * (y * picture.width + x));
  const rows: string[] = [];
  for (let top = 0; top + height <= picture.height; top += height) {
    let text = '';
    for (let left = 0; left + width <= picture.width; left += width) {
      text += readCell(left, top);
    }
    rows.push(text.trimEnd());
  }
  return rows;

  function readCell(left: number, top: number): string {
    const background = colourAt(left, top);
    let pattern = '';
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        pattern += colourAt(left + x, top + y) === background ? '0' : '1';
      }
    }
    const cursor = `${pattern.slice(0, -2 * width)}${'0'.repeat(2 * width)}`;
    return glyphs.get(pattern) ?? glyphs.get(cursor) ?? glyphs.get(inverted(pattern)) ?? '\ufffd';
  }
}

function inverted(pattern: string): string {
  return pattern.replace(/[01]/g, (digit) => (digit === '0' ? '1' : '0'));
}

/** How much of a picture differs from another, 0 to 1; 1 for other sizes. Shades of a colour count as equal. */
export function difference(picture: PNG, reference: PNG): number {
  if (picture.width !== reference.width || picture.height !== reference.height) return 1;
  let different = 0;
  for (let at = 0; at < picture.data.length; at += 4) {
    const isNear = [0, 1, 2].every(
      (channel) =>
        Math.abs((picture.data[at + channel] ?? 0) - (reference.data[at + channel] ?? 0)) < 48,
    );
    if (!isNear) different += 1;
  }
  return different / (picture.data.length / 4);
}
