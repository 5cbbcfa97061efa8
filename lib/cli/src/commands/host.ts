import path from 'node:path';
import type { Command } from 'commander';
import colors from 'picocolors';
import { type Check, checkHost, qemuVersion } from '../checks.ts';
import { findPackage } from '../config/load.ts';
import { whyNoKvm } from '../machine.ts';
import { cacheFolder } from '../paths.ts';
import { version } from '../version.ts';

interface HostOptions {
  readonly json?: boolean;
}

/** `runtime info` and `runtime doctor`. */
export function register(program: Command): void {
  program
    .command('info')
    .description('tell versions, the accelerator, and where things are')
    .option('--json', 'as JSON')
    .action(info);

  program
    .command('doctor')
    .description('tell what is missing on this machine, and the command that fixes it')
    .option('--json', 'as JSON')
    .action(doctor);
}

async function info({ json }: HostOptions): Promise<void> {
  const obstacle = await whyNoKvm();
  const facts = {
    runtime: version,
    node: process.versions.node,
    v8: process.versions.v8,
    qemu: (await qemuVersion()) ?? null,
    accelerator: obstacle === undefined ? 'kvm' : 'tcg',
    whyNoKvm: obstacle ?? null,
    platform: `${process.platform}-${process.arch}`,
    parts: findPackage('@runtimejs/runtime-linux-x64', process.cwd()) ?? null,
    cache: path.join(cacheFolder, 'runtimes'),
  };
  if (json) {
    console.log(JSON.stringify(facts, null, 2));
    return;
  }
  for (const [name, value] of Object.entries(facts))
    console.log(`${name.padEnd(12)} ${value ?? '-'}`);
}

const marks: Readonly<Record<Check['state'], string>> = {
  good: colors.green('✔'),
  warning: colors.yellow('!'),
  bad: colors.red('✖'),
};

async function doctor({ json }: HostOptions): Promise<void> {
  const checks = await checkHost(process.cwd());
  const isWell = checks.every(({ state }) => state !== 'bad');
  process.exitCode = isWell ? 0 : 1;
  if (json) {
    console.log(JSON.stringify({ ok: isWell, checks }, null, 2));
    return;
  }
  for (const { name, state, finding, remedy } of checks) {
    console.log(`${marks[state]} ${name.padEnd(10)} ${finding}`);
    if (state !== 'good' && remedy !== undefined)
      console.log(`  ${''.padEnd(10)} ${colors.cyan(remedy)}`);
  }
  console.log(
    isWell ? '\nApps can be built and booted here.' : '\nMend what is marked, and run it again.',
  );
}
