// The templates, and what becomes of one in a new app.
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import packageJson from '../package.json' with { type: 'json' };

/** What a new app can be made from, the default first. */
export const templates = [
  { name: 'http', hint: 'a web server with nothing but node:http' },
  { name: 'fastify', hint: 'a web server with Fastify' },
  { name: 'hono', hint: 'a web server with Hono' },
  { name: 'worker', hint: 'a fetch handler without Node: smaller, and faster to start' },
  { name: 'driver', hint: 'a device driver in TypeScript, with a test on a fake device' },
] as const;

/** Name of a template. */
export type TemplateName = (typeof templates)[number]['name'];

const folder = path.join(import.meta.dirname, '../templates');

/** Files that npm would take for its own in a package, under other names in the templates. */
const renamed: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

/**
 * Fills a folder with an app.
 * @param template what it is made from
 * @param target the folder, made if it is not there
 * @param name of the app's package
 */
export async function writeTemplate(
  template: TemplateName,
  target: string,
  name: string,
): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const source of ['shared', template]) {
    await cp(path.join(folder, source), target, { recursive: true });
  }
  for (const [from, to] of Object.entries(renamed)) {
    await rename(path.join(target, from), path.join(target, to));
  }
  const manifestFile = path.join(target, 'package.json');
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8')) as Record<string, unknown>;
  manifest.name = name;
  for (const kind of ['dependencies', 'devDependencies']) {
    const versions = manifest[kind] as Record<string, string> | undefined;
    for (const dependency of Object.keys(versions ?? {})) {
      if (versions && dependency.startsWith('@runtimejs/'))
        versions[dependency] = packageJson.version;
    }
  }
  await writeFile(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`);
  const readme = path.join(target, 'README.md');
  await writeFile(readme, (await readFile(readme, 'utf8')).replaceAll('{{name}}', name));
}

/**
 * Lists what stands in the way of a new app in a folder. A fresh repository does not.
 * @param target the folder
 * @returns names; none when it is empty or not there
 */
export function obstacles(target: string): string[] {
  if (!existsSync(target)) return [];
  const names = readdirSync(target);
  return names.filter((name) => !['.git', '.gitkeep', 'LICENSE'].includes(name));
}
