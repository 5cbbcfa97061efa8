// Bundles the system isolate's code, lib/system, into one classic script. That isolate is bare V8: there
// are no modules to load and nothing of Node, so an import of a Node module ends the build.
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { type Plugin, type RollupError, rollup } from 'rollup';
import { digestInputs, makeUnlessCurrent } from '../../base/src/stamp.ts';
import { typescript } from './bundle/typescript.ts';
import { ToolError } from './command.ts';
import { buildFolder, inRepository, repository } from './paths.ts';

const nodeModules = new Set(builtinModules);

/** Refuses Node's own modules, naming who imports them. */
function refuseNode(): Plugin {
  return {
    name: 'runtimejs:refuse-node',
    resolveId(source, importer) {
      if (!source.startsWith('node:') && !nodeModules.has(source)) return null;
      const where = importer === undefined ? 'the entry' : path.relative(repository, importer);
      return this.error(
        `${where} imports ${source}. The system isolate has no Node: use the bindings of lib/system.`,
      );
    },
  };
}

/** What is bundled, and where to. */
export interface SystemBundleOptions {
  /** The entry module, by default that of lib/system. */
  readonly entry?: string;
  /** The script to write, by default build/system/main.js. */
  readonly output?: string;
}

/**
 * Bundles the system isolate's code, unless none of it changed.
 * @param options see there
 * @returns path of the script, with a source map beside it; undefined when the entry does not exist
 * @throws ToolError when it cannot be bundled
 */
export async function bundleSystem(options: SystemBundleOptions = {}): Promise<string | undefined> {
  const entry = options.entry ?? inRepository('lib/system/src/main.ts');
  const output = options.output ?? path.join(buildFolder, 'system/main.js');
  const exists = await access(entry).then(
    () => true,
    () => false,
  );
  if (!exists) return undefined;

  const inputList = `${output}.inputs`;
  const stamp = `${output}.stamp`;
  const known: string[] = JSON.parse(await readFile(inputList, 'utf8').catch(() => '[]'));
  const tools = [import.meta.filename, inRepository('package-lock.json')];
  let digest = await digestInputs([entry, ...tools, ...known]);
  await mkdir(path.dirname(output), { recursive: true });
  const made = await makeUnlessCurrent(
    output,
    digest,
    async () => {
      const modules = await writeBundle(entry, output);
      await writeFile(inputList, JSON.stringify(modules));
      digest = await digestInputs([entry, ...tools, ...modules]);
    },
    stamp,
  );
  // Only the bundling tells which modules there are: the stamp is to hold for these.
  if (made) await writeFile(stamp, digest);
  return output;
}

/** Writes the bundle and gives the files that it was made from. */
async function writeBundle(entry: string, output: string): Promise<string[]> {
  try {
    const build = await rollup({
      input: entry,
      plugins: [refuseNode(), typescript(), nodeResolve({ extensions: ['.ts', '.mjs', '.js'] })],
      onwarn: (warning) => {
        throw new ToolError(warning.message);
      },
    });
    try {
      const { output: chunks } = await build.generate({
        file: output,
        format: 'iife',
        strict: true,
        sourcemap: true,
      });
      for (const file of chunks) {
        const target = path.join(path.dirname(output), file.fileName);
        const content = file.type === 'chunk' ? file.code : file.source;
        await writeFile(`${target}.partial`, content);
        await rename(`${target}.partial`, target);
      }
      return build.watchFiles.filter((file) => path.isAbsolute(file)).sort();
    } finally {
      await build.close();
    }
  } catch (error) {
    const { message, loc } = error as RollupError;
    const where = loc?.file ? `${path.relative(repository, loc.file)}:${loc.line}: ` : '';
    throw new ToolError(`The system isolate's code cannot be bundled: ${where}${message}`);
  }
}
