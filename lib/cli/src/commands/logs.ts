import { createReadStream, watchFile } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { displayPath } from '../bundle/project.ts';
import { ToolError } from '../command.ts';
import { loadApp } from '../config/load.ts';
import { consoleLog } from './machine-options.ts';

/** How often the file is looked at, in ms: QEMU appends to it without telling. */
const lookEvery = 250;

/** `runtime logs`. */
export function register(program: Command): void {
  program
    .command('logs')
    .description("show the console of the app's last machine, or of the one that runs")
    .option('-f, --follow', 'go on as it grows, until Ctrl-C')
    .option('--app <folder>', 'the app', '.')
    .action(async (options: { readonly app: string; readonly follow?: boolean }) => {
      await showLog(consoleLog(await loadApp(options.app, { command: 'logs' })), options.follow);
    });
}

async function showLog(file: string, follow: boolean | undefined): Promise<void> {
  let shown = 0;
  const show = async () => {
    const { size } = await stat(file).catch(() => {
      throw new ToolError(
        `There is no ${displayPath(file)}: no machine of this app has run. Start one with \`runtime start\`.`,
      );
    });
    if (size < shown) shown = 0; // Another machine began it anew.
    if (size === shown) return;
    const start = shown;
    shown = size;
    await pipeline(createReadStream(file, { start, end: size - 1 }), process.stdout, {
      end: false,
    });
  };
  await show();
  if (!follow) return;
  let last = Promise.resolve();
  watchFile(file, { interval: lookEvery }, () => {
    last = last.then(show).catch(() => {}); // It is made anew when a machine starts.
  });
}
