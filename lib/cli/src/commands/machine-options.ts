// Options of the commands that boot a machine, and the machine that they and the app's config describe.
import path from 'node:path';
import { type Command, Option } from 'commander';
import type { BuiltApp } from '../app/build-app.ts';
import { ToolError } from '../command.ts';
import type { App } from '../config/load.ts';
import { chooseNetwork, commandLine, inspectorPort } from '../launch.ts';
import { type Accelerator, type TerminalOptions, whyNoKvm } from '../machine.ts';
import { gdbPort } from '../machine-arguments.ts';
import { type NetworkDeviceName, networkDevices, type PortForward } from '../network.ts';
import {
  collect,
  collectForwards,
  collectVariables,
  parseMegabytes,
  parseProcessors,
  refuseVolume,
} from '../options.ts';

/** What the user said about the machine. */
export interface MachineChoice {
  readonly memory?: number;
  readonly cpus?: number;
  readonly shareBase?: boolean;
  readonly port?: readonly PortForward[];
  readonly kvm?: boolean;
  readonly trace?: boolean;
  readonly pcap?: string;
  readonly gdb?: boolean;
  readonly inspect?: boolean;
  readonly network: boolean;
  readonly netDevice: NetworkDeviceName;
  readonly tap?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly append?: readonly string[];
}

/** Adds the options to a command. */
export function addMachineOptions(command: Command): Command {
  return command
    .option('-m, --memory <MiB>', 'memory, such as 256 or 2G (default: the config)', parseMegabytes)
    .option('-c, --cpus <number>', 'processors (default: the config)', parseProcessors)
    .option('--share-base', 'map Node from a file that all machines share (NVDIMM)')
    .option(
      '-p, --port <host:guest>',
      'port of this host that leads to one of the guest; repeatable (default: the config)',
      collectForwards,
    )
    .option(
      '-e, --env <NAME=value>',
      'environment variable of the app; repeatable',
      collectVariables,
    )
    .addOption(
      new Option('-v, --volume <disk>', 'not possible yet: there is no driver for disks').argParser(
        refuseVolume,
      ),
    )
    .option('--kvm', 'insist on KVM')
    .option('--no-kvm', 'let QEMU emulate the processor')
    .option('--trace', 'log every system call')
    .option('--pcap <file>', 'capture all frames into this file, for Wireshark')
    .option('--gdb', `wait for gdb on port ${gdbPort}`)
    .option('--inspect', `start Node's inspector, on port ${inspectorPort}`)
    .option('--no-network', 'leave the network card out')
    .addOption(
      new Option('--net-device <name>', 'network card')
        .choices(networkDevices)
        .default('virtio-net-pci' satisfies NetworkDeviceName),
    )
    .option('--tap <name>', 'plug the network card into this TAP device')
    .option('--append <options>', "more of the kernel's command line; repeatable", collect);
}

/**
 * Insists on an accelerator.
 * @param kvm true for KVM, false for emulation, undefined for what works
 * @throws ToolError that says why there is no KVM
 */
export async function chooseAccelerator(
  kvm: boolean | undefined,
): Promise<Accelerator | undefined> {
  if (kvm === undefined) return undefined;
  if (!kvm) return 'tcg';
  const obstacle = await whyNoKvm();
  if (obstacle === undefined) return 'kvm';
  throw new ToolError(
    `KVM does not work here: ${obstacle}. Leave --kvm out to emulate the processor.`,
  );
}

/** Where the console of an app's last machine is kept, for `runtime logs`. */
export function consoleLog(app: Pick<App, 'work'>): string {
  return path.join(app.work, 'console.log');
}

/** What a config says about machines. */
export type MachineDefaults = Pick<
  App,
  'memoryMegabytes' | 'cpus' | 'ports' | 'portsNamed' | 'kernelOptions' | 'qemu' | 'work'
>;

/**
 * Works out the machine.
 * @param choice of the user
 * @param app whose config holds the defaults
 * @param parameters the app's further arguments
 */
export async function describeMachine(
  choice: MachineChoice,
  app: MachineDefaults,
  parameters: readonly string[],
): Promise<Omit<TerminalOptions, 'runtime' | 'initrd'>> {
  const ports = choice.port ?? (app.portsNamed ? app.ports : undefined);
  const isPlain = ports?.every(({ host, guest, protocol }) => host === guest && protocol === 'tcp');
  const isWanted = choice.port !== undefined || !isPlain;
  return {
    accelerator: await chooseAccelerator(choice.kvm),
    memoryMegabytes: choice.memory ?? app.memoryMegabytes,
    processors: choice.cpus ?? app.cpus,
    sharesBase: choice.shareBase ?? false,
    network: await chooseNetwork({
      ...choice,
      port: isWanted && choice.tap === undefined ? ports : choice.port,
      defaultPorts: app.ports.map(({ guest }) => guest),
    }),
    append: commandLine({
      options: [
        ...app.kernelOptions,
        ...(choice.trace ? ['trace=syscalls'] : []),
        ...(choice.append ?? []),
      ],
      gdb: choice.gdb,
      inspect: choice.inspect,
      environment: choice.env ?? {},
      arguments: parameters,
    }),
    gdb: choice.gdb ?? false,
    consoleLog: consoleLog(app),
    extraArguments: app.qemu,
  };
}

/** The files that boot an app. */
export function images(built: BuiltApp): { runtime: string; initrd: string } {
  return { runtime: built.runtime.file, initrd: built.initrd };
}
