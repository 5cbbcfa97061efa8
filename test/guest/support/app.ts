// Apps as a user has them, for tests of the `runtime` command.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { guestFolder } from './guest.ts';

/**
 * Makes an app within the repository, where its packages are found.
 * @param name its own name below build/test/guest
 * @param files path to content
 * @returns its folder
 */
export async function makeApp(
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = path.join(guestFolder, `app-${name}`);
  await rm(folder, { recursive: true, force: true });
  const all = {
    'package.json': '{ "name": "app", "type": "module", "main": "src/main.ts" }',
    ...files,
  };
  for (const [file, content] of Object.entries(all)) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), content);
  }
  return folder;
}
