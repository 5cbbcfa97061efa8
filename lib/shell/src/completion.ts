/** What Tab completes: commands at the beginning of a command, files elsewhere. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { ShellState } from './command.ts';

/** Characters that a file name needs a backslash in front of. */
const special = /[\s'"\\|&;<>()$`*?[\]#~]/g;

/**
 * Finds what may follow.
 * @param line up to the cursor
 * @returns whole words that may stand there, and the part of the line that they replace
 */
export async function complete(
  line: string,
  { commands, directory, variables }: ShellState,
): Promise<[readonly string[], string]> {
  const [word = ''] = /(?:\\.|[^\s|;&<>\\])*$/.exec(line) ?? [];
  const before = line.slice(0, line.length - word.length).trimEnd();
  const isFirst = before === '' || /[|;&]$/.test(before);
  if (word.startsWith('$')) {
    const names = [...variables.keys()].filter((name) => name.startsWith(word.slice(1)));
    return [names.sort().map((name) => `$${name}`), word];
  }
  if (isFirst && !word.includes('/')) {
    const names = [...commands.keys()].filter((name) => name.startsWith(word));
    return [names.map((name) => `${name} `), word];
  }
  return [await completeFile(word, directory, variables.get('HOME') ?? '/'), word];
}

async function completeFile(word: string, directory: string, home: string): Promise<string[]> {
  const plain = word.replaceAll(/\\(.)/g, '$1');
  const slash = plain.lastIndexOf('/') + 1;
  const [folder, start] = [plain.slice(0, slash), plain.slice(slash)];
  const from = folder.startsWith('~/') ? home + folder.slice(1) : folder;
  const entries = await readdir(path.resolve(directory, from || '.'), {
    withFileTypes: true,
  }).catch(() => []);
  return entries
    .filter(
      ({ name }) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')),
    )
    .map((entry) => {
      const text = (folder + entry.name).replaceAll(special, (character, at: number) =>
        character === '~' && at === 0 && folder.startsWith('~') ? character : `\\${character}`,
      );
      return `${text}${entry.isDirectory() ? '/' : ' '}`;
    })
    .sort();
}
