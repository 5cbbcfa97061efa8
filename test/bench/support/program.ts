// What the benchmarks' command lines have in common.
import { type Command, InvalidArgumentError } from 'commander';
import { UserError } from '../../../lib/base/src/errors.ts';
import { BundleError } from '../../../lib/cli/src/bundle.ts';

/** Parses an option that is a whole number from 1 on. */
export function parseWhole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number, such as 5.');
  }
  return value;
}

/** Makes a parser of one of some names. */
export function parseOneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) {
      throw new InvalidArgumentError(`${JSON.stringify(text)} is none of ${names.join(', ')}.`);
    }
    return found;
  };
}

/** Makes a parser of lists, with commas, of a parser of their items. */
export function listOf<Item>(parse: (text: string) => Item): (text: string) => Item[] {
  return (text) => text.split(',').map(parse);
}

/** Runs a program. A mistake of the user's is told without a stack; the exit code is 1 then. */
export async function runProgram(program: Command): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    const isTold = error instanceof UserError || error instanceof BundleError;
    console.error(isTold ? `error: ${error.message}` : error);
    process.exit(1); // a bundler that failed may leave its service behind, which would keep us alive
  }
}
