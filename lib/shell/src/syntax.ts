/**
 * What may be written on a line: words with quotes and variables, pipes, redirections, and lists with `;`, `&&` and
 * `||`. A part of POSIX's shell command language (IEEE Std 1003.1, chapter 2); there are no loops, no functions and
 * no jobs.
 */

/** A piece of a word. What is quoted is neither split nor a pattern. */
export interface WordPart {
  readonly text: string;
  readonly isQuoted: boolean;
  /** `text` is the name of a variable. */
  readonly isVariable: boolean;
}

export type Word = readonly WordPart[];

/** `<`, `>` or `>>` and a file, or `2>`, `2>>`; `2>&1` has no file. */
export interface Redirection {
  readonly operator: '<' | '>' | '>>' | '2>' | '2>>' | '2>&1';
  readonly file: Word;
}

/** One command with its arguments. */
export interface SimpleCommand {
  /** Variables that are set before it, `NAME=value`. */
  readonly assignments: readonly { readonly name: string; readonly value: Word }[];
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
}

/** Commands that run side by side, and when they run at all. */
export interface Pipeline {
  readonly commands: readonly SimpleCommand[];
  /** Always, or only when what ran before has succeeded or failed. */
  readonly when: 'always' | 'success' | 'failure';
}

/** Something on the line makes no sense. */
export class SyntaxProblem extends Error {
  /** More lines may make it whole: a quote is open, or an operator waits for what follows. */
  readonly isIncomplete: boolean;

  constructor(message: string, isIncomplete = false) {
    super(message);
    this.name = 'SyntaxProblem';
    this.isIncomplete = isIncomplete;
  }
}

const operators = ['2>&1', '2>>', '&&', '||', '>>', '2>', '|', ';', '<', '>', '\n'] as const;
type Operator = (typeof operators)[number];
type Token = { readonly operator: Operator } | { readonly word: Word };

const nameStart = /[A-Za-z_]/;
const nameRest = /[A-Za-z0-9_]/;
const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;

/**
 * Reads a line.
 * @throws SyntaxProblem when it is malformed or not complete
 */
export function parse(line: string): readonly Pipeline[] {
  const tokens = tokenize(line);
  const pipelines: Pipeline[] = [];
  let at = 0;
  let when: Pipeline['when'] = 'always';
  while (at < tokens.length) {
    const end = tokens.findIndex((token, index) => index >= at && endsPipeline(token));
    const stop = end < 0 ? tokens.length : end;
    const commands = parsePipeline(tokens.slice(at, stop));
    const terminator = tokens[stop];
    const operator =
      terminator !== undefined && 'operator' in terminator ? terminator.operator : ';';
    const needsMore = operator === '&&' || operator === '||';
    if (commands.length === 0) {
      if (when !== 'always' || needsMore) {
        throw new SyntaxProblem(
          `a command is missing beside ${needsMore ? operator : 'the operator'}`,
          end < 0,
        );
      }
    } else pipelines.push({ commands, when });
    if (needsMore && stop + 1 >= tokens.length) {
      throw new SyntaxProblem(`a command is missing after ${operator}`, true);
    }
    when = operator === '&&' ? 'success' : operator === '||' ? 'failure' : 'always';
    at = stop + 1;
  }
  return pipelines;
}

function endsPipeline(token: Token): boolean {
  return 'operator' in token && [';', '\n', '&&', '||'].includes(token.operator);
}

function parsePipeline(tokens: readonly Token[]): readonly SimpleCommand[] {
  if (tokens.length === 0) return [];
  const commands: SimpleCommand[] = [];
  let start = 0;
  for (let at = 0; at <= tokens.length; at++) {
    const token = tokens[at];
    if (token !== undefined && !('operator' in token && token.operator === '|')) continue;
    const part = tokens.slice(start, at);
    if (part.length === 0) {
      throw new SyntaxProblem('a command is missing beside |', at === tokens.length);
    }
    commands.push(parseCommand(part));
    start = at + 1;
  }
  return commands;
}

function parseCommand(tokens: readonly Token[]): SimpleCommand {
  const assignments: { readonly name: string; readonly value: Word }[] = [];
  const words: Word[] = [];
  const redirections: Redirection[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if ('operator' in token) {
      const operator = token.operator as Redirection['operator'];
      const next = tokens[at + 1];
      if (operator === '2>&1') redirections.push({ operator, file: [] });
      else if (next === undefined || 'operator' in next) {
        throw new SyntaxProblem(`a file name is missing after ${operator}`);
      } else {
        redirections.push({ operator, file: next.word });
        at += 1;
      }
      continue;
    }
    const set = words.length === 0 ? readAssignment(token.word) : undefined;
    if (set === undefined) words.push(token.word);
    else assignments.push(set);
  }
  return { assignments, words, redirections };
}

function readAssignment(word: Word): { readonly name: string; readonly value: Word } | undefined {
  const [first, ...rest] = word;
  if (first === undefined || first.isQuoted || first.isVariable) return undefined;
  const [, name, value] = assignment.exec(first.text) ?? [];
  if (name === undefined || value === undefined) return undefined;
  return { name, value: [{ ...first, text: value }, ...rest] };
}

/** The characters of a line, and where the reading is. */
class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get rest(): string {
    return this.#text.slice(this.at);
  }

  peek(ahead = 0): string | undefined {
    return this.#text[this.at + ahead];
  }
}

function tokenize(line: string): readonly Token[] {
  const reader = new Reader(line);
  const tokens: Token[] = [];
  for (;;) {
    while (reader.peek() === ' ' || reader.peek() === '\t') reader.at += 1;
    const character = reader.peek();
    if (character === undefined) return tokens;
    if (character === '#') {
      while (reader.peek() !== undefined && reader.peek() !== '\n') reader.at += 1;
      continue;
    }
    const { rest } = reader;
    const operator = operators.find((each) => rest.startsWith(each));
    if (operator !== undefined) {
      reader.at += operator.length;
      tokens.push({ operator });
    } else if (character === '&') {
      throw new SyntaxProblem('there are no jobs in the background: & has no meaning');
    } else tokens.push({ word: readWord(reader) });
  }
}

function readWord(reader: Reader): Word {
  const parts: WordPart[] = [];
  const add = (text: string, isQuoted: boolean, isVariable = false): void => {
    const last = parts.at(-1);
    if (!isVariable && last !== undefined && last.isQuoted === isQuoted && !last.isVariable) {
      parts[parts.length - 1] = { ...last, text: last.text + text };
    } else parts.push({ text, isQuoted, isVariable });
  };
  for (;;) {
    const character = reader.peek();
    if (character === undefined || ' \t\n|;<>&'.includes(character)) return parts;
    reader.at += 1;
    if (character === "'") readSingleQuoted(reader, add);
    else if (character === '"') readDoubleQuoted(reader, add);
    else if (character === '\\') {
      const next = reader.peek();
      if (next === undefined) throw new SyntaxProblem('the line ends with \\', true);
      reader.at += 1;
      if (next !== '\n') add(next, true);
    } else if (character === '$') readVariable(reader, false, add);
    else add(character, false);
  }
}

type Add = (text: string, isQuoted: boolean, isVariable?: boolean) => void;

function readSingleQuoted(reader: Reader, add: Add): void {
  const end = reader.rest.indexOf("'");
  if (end < 0) throw new SyntaxProblem("a quote (') is not closed", true);
  add(reader.rest.slice(0, end), true);
  reader.at += end + 1;
}

function readDoubleQuoted(reader: Reader, add: Add): void {
  add('', true);
  for (;;) {
    const character = reader.peek();
    if (character === undefined) throw new SyntaxProblem('a quote (") is not closed', true);
    reader.at += 1;
    if (character === '"') return;
    const next = reader.peek();
    if (character === '\\' && next !== undefined && '$"\\`'.includes(next)) {
      reader.at += 1;
      add(next, true);
    } else if (character === '$') readVariable(reader, true, add);
    else add(character, true);
  }
}

/** Reads what follows a dollar sign; one that names nothing stands for itself. */
function readVariable(reader: Reader, isQuoted: boolean, add: Add): void {
  const first = reader.peek();
  if (first === '?') {
    reader.at += 1;
    add('?', isQuoted, true);
  } else if (first === '{') {
    const end = reader.rest.indexOf('}');
    if (end < 0) throw new SyntaxProblem('${ is not closed', true);
    const name = reader.rest.slice(1, end);
    if (!/^([A-Za-z_][A-Za-z0-9_]*|\?)$/.test(name))
      throw new SyntaxProblem(`\${${name}} is no variable`);
    reader.at += end + 1;
    add(name, isQuoted, true);
  } else if (first !== undefined && nameStart.test(first)) {
    let name = '';
    for (
      let next = reader.peek();
      next !== undefined && nameRest.test(next);
      next = reader.peek()
    ) {
      name += next;
      reader.at += 1;
    }
    add(name, isQuoted, true);
  } else add('$', isQuoted);
}
