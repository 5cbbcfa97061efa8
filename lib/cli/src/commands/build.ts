import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { buildApp } from '../app/build-app.ts';
import { formats, type ImageFormat, type ImageOptions, writeImages } from '../app/formats.ts';
import { createReport, printReport } from '../app/report.ts';
import { loadApp } from '../config/load.ts';
import { onInterrupt } from '../interrupted.ts';

interface BuildOptions extends ImageOptions {
  readonly app: string;
  readonly format: readonly ImageFormat[];
  readonly output?: string;
  readonly json?: boolean;
  readonly warm?: boolean;
}

/** `runtime build`. */
export function register(program: Command): void {
  program
    .command('build')
    .description('build images of the app, and say what is in them and what it weighs')
    .addOption(
      new Option('-f, --format <formats...>', 'kinds of images')
        .choices(formats)
        .default(['kernel']),
    )
    .option('--compress', 'compress the image, where the format can')
    .option('--warm', 'start from a process that was frozen while the image was built')
    .option('--no-warm', "start Node's process anew, whatever the config says")
    .option('-o, --output <folder>', 'where the images go (default: the config, or dist)')
    .option('--json', 'print the report as JSON')
    .option('--app <folder>', 'the app, or its entry module', '.')
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  runtime build                        dist/runtime and dist/initrd, for QEMU -kernel and -initrd',
        '  runtime build -f raw qcow2           disk images, for BIOS and UEFI',
        '  runtime build -f nvdimm              Node in a file that machines of a host share',
        '  runtime build --warm                 machines skip the start of Node',
        '  runtime build --json | jq .total     for scripts',
      ].join('\n'),
    )
    .action(async (options: BuildOptions) => {
      onInterrupt('The build was interrupted. What was built before is as it was.');
      const app = await loadApp(options.app, { command: 'build' });
      const folder = options.output === undefined ? app.output : path.resolve(options.output);
      const built = await buildApp(app, { isWarm: options.warm ?? app.warm });
      await mkdir(folder, { recursive: true });
      const images = await writeImages(built, options.format, folder, options);
      onInterrupt(undefined);
      const report = await createReport(built, images);
      if (options.json) console.log(JSON.stringify(report, null, 2));
      else printReport(report);
    });
}
