/** Commands about files: ls cat cp mv rm mkdir df, and what goes through pipes. */

import type { Stats } from 'node:fs';
import {
  cp,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import path from 'node:path';
import {
  type Command,
  type CommandContext,
  describeError,
  readOptions,
  size,
  table,
  UsageProblem,
} from '../command.ts';

/** Runs something for each operand; what fails is said, and the rest goes on. */
async function forEach(
  context: CommandContext,
  operands: readonly string[],
  run: (operand: string) => Promise<void>,
): Promise<number> {
  let status = 0;
  for (const operand of operands) {
    if (context.signal.aborted) return status;
    try {
      await run(operand);
    } catch (error) {
      context.complain(describeError(error));
      status = 1;
    }
  }
  return status;
}

function needOperands(operands: readonly string[], least: number): void {
  if (operands.length < least)
    throw new UsageProblem(least === 1 ? 'an operand is missing' : 'operands are missing');
}

function permissions(stats: Stats): string {
  const kind = stats.isDirectory()
    ? 'd'
    : stats.isSymbolicLink()
      ? 'l'
      : stats.isCharacterDevice()
        ? 'c'
        : stats.isBlockDevice()
          ? 'b'
          : stats.isFIFO()
            ? 'p'
            : stats.isSocket()
              ? 's'
              : '-';
  const bits = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((bit, at) =>
    ((stats.mode >> bit) & 1) === 1 ? ('rwx'[at % 3] as string) : '-',
  );
  return kind + bits.join('');
}

async function longRow(directory: string, name: string): Promise<readonly string[]> {
  const file = path.resolve(directory, name);
  const stats = await lstat(file);
  const target = stats.isSymbolicLink() ? ` -> ${await readlink(file).catch(() => '?')}` : '';
  const time = stats.mtime.toISOString().slice(0, 16).replace('T', ' ');
  return [permissions(stats), String(stats.nlink), String(stats.size), time, name + target];
}

/** Names in columns that fill the width, downwards. */
function inColumns(names: readonly string[], width: number): string {
  const longest = Math.max(0, ...names.map((name) => name.length)) + 2;
  const columns = Math.max(1, Math.floor(width / longest));
  const rows = Math.ceil(names.length / columns);
  let text = '';
  for (let row = 0; row < rows; row++) {
    const line = names
      .filter((_, index) => index % rows === row)
      .map((name) => name.padEnd(longest));
    text += `${line.join('').trimEnd()}\n`;
  }
  return text;
}

const ls: Command = {
  name: 'ls',
  summary: 'lists files',
  usage: '[-a] [-l] [FILE...]',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      all: { type: 'boolean', short: 'a' },
      long: { type: 'boolean', short: 'l' },
    });
    const operands = positionals.length === 0 ? ['.'] : positionals;
    const show = async (directory: string, names: readonly string[]): Promise<void> => {
      if (values.long === true) {
        const rows = await Promise.all(names.map((name) => longRow(directory, name)));
        await context.print(table(rows, [1, 2]));
      } else if (context.terminal === undefined) {
        await context.print(names.map((name) => `${name}\n`).join(''));
      } else await context.print(inColumns(names, context.terminal.columns));
    };
    return forEach(context, operands, async (operand) => {
      const file = context.resolve(operand);
      const stats = await (values.long === true ? lstat(file) : stat(file));
      if (!stats.isDirectory()) {
        await show(context.shell.directory, [operand]);
        return;
      }
      const names = (await readdir(file)).filter(
        (name) => values.all === true || !name.startsWith('.'),
      );
      if (operands.length > 1) await context.print(`${operand}:\n`);
      await show(file, names.sort());
    });
  },
};

/** The pieces of files, or of the input when there are none. */
async function* contents(
  context: CommandContext,
  files: readonly string[],
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  for (const file of files.length === 0 ? ['-'] : files) {
    try {
      if (file === '-') {
        for await (const piece of context.input) yield Buffer.from(piece);
        continue;
      }
      // Files of /proc have no size, and say what they say at once.
      const handle = await open(context.resolve(file));
      try {
        for await (const piece of handle.createReadStream({ autoClose: false }))
          yield piece as Buffer;
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (context.signal.aborted) return;
      failed(error);
    }
  }
}

/** What has no end of line is cut here, so that it does not fill the memory. */
const longestLine = 1024 * 1024;

/** Runs something over all lines, without their ends. @returns the status */
async function eachLine(
  context: CommandContext,
  files: readonly string[],
  take: (line: string) => Promise<boolean | undefined> | boolean | undefined,
): Promise<number> {
  let status = 0;
  let rest = '';
  const decoder = new TextDecoder();
  const failed = (error: unknown): void => {
    context.complain(describeError(error));
    status = 1;
  };
  for await (const piece of contents(context, files, failed)) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if ((await take(line)) === false) return status;
    if (rest.length < longestLine) continue;
    if ((await take(rest)) === false) return status;
    rest = '';
  }
  if (rest !== '') await take(rest);
  return status;
}

const cat: Command = {
  name: 'cat',
  summary: 'shows what is in files, or the input',
  usage: '[FILE...]',
  async run(context, parameters) {
    const { positionals } = readOptions(parameters, {});
    let status = 0;
    const failed = (error: unknown): void => {
      context.complain(describeError(error));
      status = 1;
    };
    for await (const piece of contents(context, positionals, failed)) await context.print(piece);
    return status;
  },
};

const copy: Command = {
  name: 'cp',
  summary: 'copies files',
  usage: '[-r] FILE... TARGET',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      recursive: { type: 'boolean', short: 'r' },
    });
    needOperands(positionals, 2);
    const [sources, target] = [positionals.slice(0, -1), positionals.at(-1) as string];
    return forEach(context, sources, async (source) => {
      const to = await place(context, source, target, sources.length);
      await cp(context.resolve(source), to, { recursive: values.recursive === true });
    });
  },
};

/** Where a file goes: into a directory under its own name, or to the target itself. */
async function place(
  context: CommandContext,
  source: string,
  target: string,
  sources: number,
): Promise<string> {
  const to = context.resolve(target);
  const isDirectory = await stat(to).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (isDirectory) return path.join(to, path.basename(context.resolve(source)));
  if (sources > 1) throw new Error(`${target}: it is no directory`);
  return to;
}

const move: Command = {
  name: 'mv',
  summary: 'renames files, or moves them to another directory',
  usage: 'FILE... TARGET',
  async run(context, parameters) {
    const { positionals } = readOptions(parameters, {});
    needOperands(positionals, 2);
    const [sources, target] = [positionals.slice(0, -1), positionals.at(-1) as string];
    return forEach(context, sources, async (source) => {
      const from = context.resolve(source);
      const to = await place(context, source, target, sources.length);
      try {
        await rename(from, to);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
        await cp(from, to, { recursive: true, preserveTimestamps: true });
        await rm(from, { recursive: true });
      }
    });
  },
};

const remove: Command = {
  name: 'rm',
  summary: 'removes files',
  usage: '[-f] [-r] FILE...',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      force: { type: 'boolean', short: 'f' },
      recursive: { type: 'boolean', short: 'r' },
    });
    needOperands(positionals, 1);
    return forEach(context, positionals, async (file) => {
      const options = { recursive: values.recursive === true, force: values.force === true };
      await rm(context.resolve(file), options);
    });
  },
};

const makeDirectory: Command = {
  name: 'mkdir',
  summary: 'makes directories',
  usage: '[-p] DIRECTORY...',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      parents: { type: 'boolean', short: 'p' },
    });
    needOperands(positionals, 1);
    return forEach(context, positionals, async (directory) => {
      await mkdir(context.resolve(directory), { recursive: values.parents === true });
    });
  },
};

const df: Command = {
  name: 'df',
  summary: 'tells how full file systems are',
  usage: '[FILE...]',
  async run(context, parameters) {
    const { positionals } = readOptions(parameters, {});
    const mounts = (await readFile('/proc/mounts', 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ').map(unescapeMount));
    const rows: string[][] = [['File system', 'Type', 'Size', 'Used', 'Free', 'Mounted at']];
    const wanted = positionals.map((file) => context.resolve(file));
    const points = mounts.map(([, point = '/']) => point);
    const chosen =
      wanted.length === 0
        ? mounts
        : wanted.map((file) => mounts[points.indexOf(mountOf(points, file))] ?? []);
    for (const [source = '', point = '/', type = ''] of chosen) {
      const told = await statfs(point).catch(() => undefined);
      if (told === undefined || (told.blocks === 0 && wanted.length === 0)) continue;
      const [whole, free] = [told.blocks * told.bsize, told.bfree * told.bsize];
      rows.push([source, type, size(whole), size(whole - free), size(free), point]);
    }
    await context.print(table(rows, [2, 3, 4]));
    return 0;
  },
};

/** Spaces and the like are octal numbers in /proc/mounts. */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function mountOf(points: readonly string[], file: string): string {
  return points
    .filter((point) => file === point || file.startsWith(point === '/' ? '/' : `${point}/`))
    .reduce((longest, point) => (point.length > longest.length ? point : longest), '');
}

const grep: Command = {
  name: 'grep',
  summary: 'shows lines that fit a regular expression (of JavaScript)',
  usage: '[-c] [-i] [-v] PATTERN [FILE...]',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      count: { type: 'boolean', short: 'c' },
      'ignore-case': { type: 'boolean', short: 'i' },
      invert: { type: 'boolean', short: 'v' },
    });
    const [pattern, ...files] = positionals;
    if (pattern === undefined) throw new UsageProblem('a pattern is missing');
    let expression: RegExp;
    try {
      expression = new RegExp(pattern, values['ignore-case'] === true ? 'iu' : 'u');
    } catch (error) {
      throw new UsageProblem((error as Error).message);
    }
    let count = 0;
    const status = await eachLine(context, files, async (line) => {
      if (expression.test(line) === (values.invert === true)) return;
      count += 1;
      if (values.count !== true) await context.print(`${line}\n`);
      return;
    });
    if (values.count === true) await context.print(`${count}\n`);
    return status !== 0 ? 2 : count > 0 ? 0 : 1;
  },
};

function lineCount(values: { readonly lines?: string | undefined }): number {
  const count = Number(values.lines ?? 10);
  if (!Number.isInteger(count) || count < 0)
    throw new UsageProblem(`${values.lines} is no number of lines`);
  return count;
}

const head: Command = {
  name: 'head',
  summary: 'shows the first lines',
  usage: '[-n LINES] [FILE...]',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      lines: { type: 'string', short: 'n' },
    });
    let left = lineCount(values);
    if (left === 0) return 0;
    return eachLine(context, positionals, async (line) => {
      if (left === 0) return false;
      left -= 1;
      await context.print(`${line}\n`);
      return left > 0;
    });
  },
};

const tail: Command = {
  name: 'tail',
  summary: 'shows the last lines',
  usage: '[-n LINES] [FILE...]',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      lines: { type: 'string', short: 'n' },
    });
    const most = lineCount(values);
    const lines: string[] = [];
    const status = await eachLine(context, positionals, (line) => {
      lines.push(line);
      if (lines.length > most) lines.shift();
      return undefined;
    });
    await context.print(lines.map((line) => `${line}\n`).join(''));
    return status;
  },
};

const wc: Command = {
  name: 'wc',
  summary: 'counts lines, words and bytes',
  usage: '[FILE...]',
  async run(context, parameters) {
    const { positionals } = readOptions(parameters, {});
    let [lines, words, bytes, status] = [0, 0, 0, 0];
    let isInWord = false;
    const failed = (error: unknown): void => {
      context.complain(describeError(error));
      status = 1;
    };
    for await (const piece of contents(context, positionals, failed)) {
      bytes += piece.length;
      for (const byte of piece) {
        if (byte === 0x0a) lines += 1;
        const isSpace = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
        if (!isSpace && !isInWord) words += 1;
        isInWord = !isSpace;
      }
    }
    await context.print(`${lines} ${words} ${bytes}\n`);
    return status;
  },
};

export const fileCommands: readonly Command[] = [
  ls,
  cat,
  copy,
  move,
  remove,
  makeDirectory,
  df,
  grep,
  head,
  tail,
  wc,
];
