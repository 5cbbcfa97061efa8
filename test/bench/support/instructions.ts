// Counts the instructions that a guest executes: the same on a busy machine as on an idle one.
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '../../../lib/cli/src/command.ts';
import { escapeComma } from '../../../lib/cli/src/network.ts';
import { buildFolder, inRepository } from '../../../lib/cli/src/paths.ts';

const source = inRepository('test/bench/plugin/instructions.c');
const folder = path.join(buildFolder, 'bench');

/** A counter of one machine's instructions. Works with QEMU's translator only, not with KVM. */
export class InstructionCounter {
  /** For QEMU's command line. */
  readonly arguments: readonly string[];
  readonly #file: string;

  private constructor(plugin: string, file: string) {
    this.#file = file;
    this.arguments = ['-plugin', `${escapeComma(plugin)},out=${escapeComma(file)}`];
  }

  /**
   * Compiles the plugin.
   * @param name tells the counters of several machines apart
   * @throws ToolError when there is no compiler
   */
  static async create(name: string): Promise<InstructionCounter> {
    const plugin = path.join(folder, `instructions-${name}.so`);
    await mkdir(folder, { recursive: true });
    await runCommand('gcc', ['-O2', '-Wall', '-fPIC', '-shared', '-o', plugin, source], {
      remedy: 'Install it: apt-get install gcc',
    });
    return new InstructionCounter(plugin, path.join(folder, `instructions-${name}`));
  }

  /** How many the machine has executed so far. */
  async read(): Promise<number> {
    return Number((await readFile(this.#file)).readBigUInt64LE());
  }
}
