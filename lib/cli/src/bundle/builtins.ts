import { builtinModules } from 'node:module';
import MagicString from 'magic-string';
import type { Plugin, RenderedChunk } from 'rollup';
import { isNamed, isNode, type Syntax } from './syntax.ts';

/** An app that calls this function replaces what `import { name } from 'node:…'` gave. */
const liveExports = 'syncBuiltinESMExports';

/**
 * Rollup plugin that takes Node's own modules from process.getBuiltinModule() instead of importing
 * them. An import reads every export of the module, the lazy ones too: `import http from 'node:http'`
 * loads a hundred modules for its WebSocket, TLS and all root certificates among them, where
 * `require('node:http')` does not. The objects are the same.
 *
 * Imports stay where they mean more than reading: of a whole namespace, of names that the module does
 * not export, in chunks that import each other, and in apps that call syncBuiltinESMExports().
 */
export function builtins(): Plugin {
  return {
    name: 'runtimejs:builtins',

    renderChunk(code, chunk, _options, { chunks }) {
      if (Object.values(chunks).some(mentionsLiveExports) || importsItself(chunk, chunks)) {
        return null;
      }
      const edited = new MagicString(code);
      for (const node of (this.parse(code) as unknown as Syntax & { body: Syntax[] }).body) {
        const constants = node.type === 'ImportDeclaration' ? constantsFor(node) : undefined;
        if (constants !== undefined) edited.overwrite(node.start, node.end, constants);
      }
      if (!edited.hasChanged()) return null;
      return { code: edited.toString(), map: edited.generateMap({ hires: 'boundary' }) };
    },
  };
}

function mentionsLiveExports(chunk: RenderedChunk): boolean {
  return Object.values(chunk.modules).some(({ code }) => code?.includes(liveExports) === true);
}

/** Code of a chunk that is imported by what it imports may be called before its constants are there. */
function importsItself(
  chunk: RenderedChunk,
  chunks: Readonly<Record<string, RenderedChunk>>,
): boolean {
  const reached = new Set<string>();
  const open = [...chunk.imports];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === chunk.fileName) return true;
    if (reached.has(name)) continue;
    reached.add(name);
    open.push(...(chunks[name]?.imports ?? []));
  }
  return false;
}

/** @returns the declaration that replaces an import, undefined when the import must stay */
function constantsFor(node: Syntax): string | undefined {
  const { source, specifiers, attributes } = node as Syntax & {
    readonly source: { readonly value: string };
    readonly specifiers: readonly Syntax[];
    readonly attributes?: readonly Syntax[];
  };
  const module = exportsOf(source.value);
  if (module === undefined || specifiers.length === 0 || (attributes ?? []).length > 0) {
    return undefined;
  }
  const whole: string[] = [];
  const names: string[] = [];
  for (const { type, imported, local } of specifiers) {
    const name = (local as Syntax).name as string;
    if (type === 'ImportDefaultSpecifier' || isNamed(imported, 'default')) {
      whole.push(name);
    } else if (type === 'ImportSpecifier' && isNode(imported) && imported.type === 'Identifier') {
      const exported = imported.name as string;
      if (!Object.hasOwn(module, exported)) return undefined;
      names.push(exported === name ? name : `${exported}: ${name}`);
    } else {
      return undefined;
    }
  }
  const patterns = [...whole, ...(names.length > 0 ? [`{ ${names.join(', ')} }`] : [])];
  // The global itself: the chunk may have a `process` of its own.
  const value = `globalThis.process.getBuiltinModule(${JSON.stringify(source.value)})`;
  return `const ${patterns.map((pattern) => `${pattern} = ${value}`).join(', ')};`;
}

/** @returns what `import module from` gives, undefined when Node has no such module */
function exportsOf(specifier: string): object | undefined {
  const isBuiltin = specifier.startsWith('node:') || builtinModules.includes(specifier);
  return isBuiltin ? process.getBuiltinModule(specifier) : undefined;
}
