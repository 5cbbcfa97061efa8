/** From words as they are written to arguments: variables, the home directory, patterns of file names. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Word } from './syntax.ts';

/** What expansion looks things up in. */
export interface ExpansionContext {
  readonly directory: string;
  /** The value of a variable; `?` is how the last command ended. */
  variable(name: string): string | undefined;
}

/** One piece of a field: text, and whether it may be a pattern. */
interface Piece {
  readonly text: string;
  readonly isLiteral: boolean;
}

/** Expands words to arguments. An unquoted variable is split at spaces; a pattern that fits nothing stays as it is. */
export async function expandWords(
  words: readonly Word[],
  context: ExpansionContext,
): Promise<string[]> {
  const fields: string[] = [];
  for (const word of words) {
    for (const field of splitFields(word, context)) {
      const isPattern = field.some(({ text, isLiteral }) => !isLiteral && /[*?[]/.test(text));
      const matches = isPattern ? await matchFiles(field, context.directory) : [];
      if (matches.length > 0) fields.push(...matches);
      else fields.push(field.map(({ text }) => text).join(''));
    }
  }
  return fields;
}

/** Expands a word to one argument, as a file name behind an operator is. */
export function expandToOne(word: Word, context: ExpansionContext): string {
  const text = word
    .map(({ text, isVariable }) => (isVariable ? (context.variable(text) ?? '') : text))
    .join('');
  return word[0]?.isQuoted === true ? text : expandHome(text, context);
}

function expandHome(text: string, context: ExpansionContext): string {
  return /^~(\/|$)/.test(text) ? (context.variable('HOME') ?? '~') + text.slice(1) : text;
}

function splitFields(word: Word, context: ExpansionContext): readonly (readonly Piece[])[] {
  const fields: Piece[][] = [];
  let current: Piece[] | undefined;
  for (const [index, part] of word.entries()) {
    if (!part.isVariable) {
      const isHome = index === 0 && !part.isQuoted;
      const text = isHome ? expandHome(part.text, context) : part.text;
      current ??= [];
      current.push({ text, isLiteral: part.isQuoted });
      continue;
    }
    const value = context.variable(part.text) ?? '';
    if (part.isQuoted) {
      current ??= [];
      current.push({ text: value, isLiteral: true });
      continue;
    }
    for (const [at, piece] of value.split(/[ \t\n]+/).entries()) {
      if (at > 0 && current !== undefined) {
        fields.push(current);
        current = undefined;
      }
      if (piece !== '') {
        current ??= [];
        current.push({ text: piece, isLiteral: false });
      }
    }
  }
  if (current !== undefined) fields.push(current);
  return fields;
}

/** A pattern of one path component as a regular expression (POSIX 2.13); undefined when it is plain text. */
function componentPattern(pieces: readonly Piece[]): RegExp | undefined {
  let source = '';
  let isPattern = false;
  for (const { text, isLiteral } of pieces) {
    if (isLiteral) {
      source += RegExp.escape(text);
      continue;
    }
    for (let at = 0; at < text.length; at++) {
      const character = text[at] as string;
      const bracket =
        character === '[' ? /^\[[!^]?\]?[^\]]*\]/.exec(text.slice(at))?.[0] : undefined;
      if (character === '*') source += '.*';
      else if (character === '?') source += '.';
      else if (bracket !== undefined) {
        const [, negation, set] = /^\[([!^]?)(.*)\]$/s.exec(bracket) ?? [];
        source += `[${negation ? '^' : ''}${(set ?? '').replaceAll(/[\\\]^]/g, '\\$&')}]`;
        at += bracket.length - 1;
      } else {
        source += RegExp.escape(character);
        continue;
      }
      isPattern = true;
    }
  }
  if (!isPattern) return undefined;
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch {
    return undefined; // such as a range in the wrong order: it fits nothing
  }
}

/** Splits at the slashes, which no pattern matches. */
function components(field: readonly Piece[]): readonly (readonly Piece[])[] {
  const parts: Piece[][] = [[]];
  for (const { text, isLiteral } of field) {
    for (const [at, piece] of text.split('/').entries()) {
      if (at > 0) parts.push([]);
      if (piece !== '') parts.at(-1)?.push({ text: piece, isLiteral });
    }
  }
  return parts;
}

async function matchFiles(field: readonly Piece[], directory: string): Promise<string[]> {
  const parts = components(field);
  const isAbsolute = parts[0]?.length === 0;
  let found: string[] = [isAbsolute ? '/' : ''];
  for (const [index, part] of parts.entries()) {
    if (part.length === 0) {
      if (index > 0 && index === parts.length - 1) found = found.map((each) => `${each}/`);
      continue;
    }
    const pattern = componentPattern(part);
    const plain = part.map(({ text }) => text).join('');
    const next: string[] = [];
    for (const base of found) {
      const join = (name: string): string =>
        base === '' || base.endsWith('/') ? base + name : `${base}/${name}`;
      if (pattern === undefined) {
        next.push(join(plain));
        continue;
      }
      const names = await readdir(path.resolve(directory, base || '.')).catch(() => []);
      const fitting = names.filter(
        (name) => pattern.test(name) && (plain.startsWith('.') || !name.startsWith('.')),
      );
      next.push(...fitting.sort().map(join));
    }
    found = next;
  }
  return found;
}
