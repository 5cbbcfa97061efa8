// What has changed from one initrd of an app to the next, if a machine that stands by can take it.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readCpio } from '@runtimejs/base/cpio.ts';

/** What an initrd holds: path to digest. */
export type Content = ReadonlyMap<string, string>;

async function readFiles(initrd: string): Promise<Map<string, Uint8Array>> {
  const entries = readCpio(await readFile(initrd));
  return new Map(entries.map(({ path: name, data }) => [path.posix.join('/', name), data]));
}

function digest(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('base64');
}

/** @returns what an initrd holds, to be compared with a later one */
export async function readContent(initrd: string): Promise<Content> {
  const files = await readFiles(initrd);
  return new Map([...files].map(([name, data]) => [name, digest(data)]));
}

/**
 * Finds the modules of the app that are new or have changed.
 * @param before what the initrd was that a machine booted from
 * @param initrd the next one
 * @returns path in the image to source, with the source map in it; undefined when anything else differs, so that
 * only a machine that boots from the next one will do
 */
export async function changedModules(
  before: Content,
  initrd: string,
): Promise<Map<string, string> | undefined> {
  const after = await readFiles(initrd);
  const changed = differences(before, after);
  const isModule = (name: string) => /^\/app\/(?!node_modules\/).*\.mjs(\.map)?$/.test(name);
  if (!changed.every(isModule)) return undefined;
  const modules = new Map<string, string>();
  for (const name of changed) {
    const file = name.replace(/\.map$/, '');
    const source = after.get(file);
    if (source !== undefined) modules.set(file, withMap(source, after.get(`${file}.map`)));
  }
  return modules;
}

/**
 * Finds the files that are new, have changed, or are gone.
 * @param before what the initrd was that a machine booted from
 * @param initrd the next one
 */
export async function changedFiles(before: Content, initrd: string): Promise<string[]> {
  return differences(before, await readFiles(initrd));
}

function differences(before: Content, after: ReadonlyMap<string, Uint8Array>): string[] {
  const changed = [...after].filter(([name, data]) => before.get(name) !== digest(data));
  const removed = [...before.keys()].filter((name) => !after.has(name));
  return [...changed.map(([name]) => name), ...removed];
}

/** Node would read the map of the image. */
function withMap(source: Uint8Array, map: Uint8Array | undefined): string {
  const text = Buffer.from(source).toString();
  if (map === undefined) return text;
  const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
  return text.replace(/(?<=\n\/\/# sourceMappingURL=)\S+\s*$/, () => url);
}
