import fs from 'node:fs';
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { digest, errorOf, type Group, inTemporaryFolder, patternBytes } from '../collector.ts';

/** Waits until a condition holds; a case's own time limit ends what never does. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

export const filesAsync: Group = {
  name: 'files-async',
  cases: {
    callbacks: async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'file');
        const order: string[] = [];
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        fs.writeFile(path, 'by callback', (writeError) => {
          if (writeError) return reject(writeError);
          order.push('written');
          fs.readFile(path, 'utf8', (readError, text) => {
            if (readError) return reject(readError);
            order.push(text);
            fs.stat(join(folder, 'none'), (statError) => {
              order.push(String(statError?.code));
              resolve();
            });
          });
        });
        order.push('called');
        await promise;
        log(order);
        log(await promisify(fs.exists)(path), await promisify(fs.exists)(join(folder, 'none')));
      }),

    promises: async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'a/b');
        await mkdir(path, { recursive: true });
        await writeFile(join(path, 'file'), patternBytes(100_000));
        log(digest(await readFile(join(path, 'file'))), (await stat(join(path, 'file'))).size);
        await rename(join(path, 'file'), join(folder, 'moved'));
        log(await readdir(folder), await readdir(path));
        await unlink(join(folder, 'moved'));
        log(await errorOf(() => readFile(join(folder, 'moved'))));
        await rm(join(folder, 'a'), { recursive: true });
        log(await readdir(folder));
      }),

    'file handles': async (log) =>
      inTemporaryFolder(async (folder) => {
        const handle = await open(join(folder, 'file'), 'w+');
        await handle.write('line one\nline two\nline three');
        await handle.truncate(17);
        log((await handle.stat()).size);
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 5);
        log(bytesRead, buffer.toString());
        await handle.sync();
        await handle.close();
        const again = await open(join(folder, 'file'));
        const lines: string[] = [];
        for await (const line of again.readLines()) lines.push(line);
        log(lines);
        await using disposed = await open(join(folder, 'file'));
        log(await disposed.readFile('utf8'));
      }),

    'many operations at once': async (log) =>
      inTemporaryFolder(async (folder) => {
        const numbers = Array.from({ length: 500 }, (_, index) => index);
        await Promise.all(numbers.map((n) => writeFile(join(folder, `${n}`), `${n}`.repeat(n))));
        const read = await Promise.all(numbers.map((n) => readFile(join(folder, `${n}`), 'utf8')));
        log(digest(read.join()), (await readdir(folder)).length);
        await Promise.all(numbers.map((n) => unlink(join(folder, `${n}`))));
        log(await readdir(folder));
      }),

    'streams of a big file': async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'big');
        const output = fs.createWriteStream(path);
        const chunk = patternBytes(1 << 16);
        for (let index = 0; index < 256; index++) {
          if (!output.write(chunk)) await new Promise((resolve) => output.once('drain', resolve));
        }
        await new Promise((resolve) => output.end(resolve));
        let size = 0;
        for await (const part of fs.createReadStream(path)) size += (part as Buffer).length;
        log(size, digest(await readFile(path)));
        const parts: string[] = [];
        for await (const part of fs.createReadStream(path, { start: 5, end: 12 })) {
          parts.push((part as Buffer).toString('hex'));
        }
        log(parts);
      }),

    'an aborted read': async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'big');
        await writeFile(path, patternBytes(4 << 20));
        log(await errorOf(() => readFile(path, { signal: AbortSignal.abort() })));
      }),

    'watching a directory': async (log) =>
      inTemporaryFolder(async (folder) => {
        const seen = new Set<string>();
        const watcher = fs.watch(folder, (event, name) => seen.add(`${event} ${name}`));
        await writeFile(join(folder, 'new'), 'x');
        await until(() => seen.has('rename new') && seen.has('change new'));
        await rename(join(folder, 'new'), join(folder, 'renamed'));
        await until(() => seen.has('rename renamed'));
        await unlink(join(folder, 'renamed'));
        await delay(20);
        watcher.close();
        log([...seen].sort());
      }),

    'watching one file': async (log) =>
      inTemporaryFolder(async (folder) => {
        const path = join(folder, 'file');
        await writeFile(path, 'a');
        let changes = 0;
        const watcher = fs.watch(path, (event, name) => {
          if (event === 'change' && name === 'file') changes++;
        });
        await writeFile(path, 'b');
        await until(() => changes > 0);
        watcher.close();
        const polled = Promise.withResolvers<number>();
        fs.watchFile(path, { interval: 10 }, (now) => {
          if (now.size > 0) polled.resolve(now.size); // A poll may see the file while it is empty.
        });
        await delay(30);
        await writeFile(path, 'longer');
        log(await polled.promise);
        fs.unwatchFile(path);
        log(await errorOf(() => fs.watch(join(folder, 'none'))));
      }),

    'walking with opendir and glob': async (log) =>
      inTemporaryFolder(async (folder) => {
        for (const path of ['a/x.ts', 'a/b/y.ts', 'c/z.js']) {
          await mkdir(join(folder, path, '..'), { recursive: true });
          await writeFile(join(folder, path), '');
        }
        const names: string[] = [];
        for await (const item of await fs.promises.opendir(folder, { recursive: true })) {
          names.push(item.name);
        }
        log(names.sort());
        log((await Array.fromAsync(fs.promises.glob('**/*.ts', { cwd: folder }))).sort());
      }),
  },
};
