// QEMU's command line.
import type { SplitRuntime } from '@runtimejs/base/split.ts';
import type { Accelerator, MachineOptions } from './machine.ts';
import { escapeComma, networkArguments } from './network.ts';
import { initrdImage, runtimeImage } from './paths.ts';

/** Port of gdb's remote protocol, with the option `gdb`. */
export const gdbPort = 1234;

/** RAM, and a shared base beside it. */
function memoryArguments(megabytes: number, apart: SplitRuntime | undefined): string[] {
  if (apart === undefined) return ['-machine', 'pc', '-m', String(megabytes)];
  const { base, baseSize } = apart;
  // An NVDIMM has its place at the next whole GiB.
  const most = megabytes + Math.ceil(baseSize / 2 ** 20) + 1024;
  const file = `mem-path=${escapeComma(base)},size=${baseSize}`;
  return [
    ...['-machine', 'pc,nvdimm=on', '-m', `${megabytes},slots=1,maxmem=${most}M`],
    ...['-object', `memory-backend-file,id=base,share=on,readonly=on,${file}`],
    ...['-device', 'nvdimm,memdev=base,unarmed=on'],
  ];
}

/** What the machine boots from. */
function bootArguments(options: MachineOptions, apart: SplitRuntime | undefined): string[] {
  const { disk, runtime, initrd = initrdImage, append } = options;
  if (disk === undefined) {
    return [
      ...['-kernel', apart?.kernel ?? runtime ?? runtimeImage],
      ...(initrd === null ? [] : ['-initrd', initrd]),
      ...(append ? ['-append', append] : []),
    ];
  }
  const file = `format=${disk.format},file=${escapeComma(disk.file)}`;
  if (!disk.isCd) return ['-drive', `if=virtio,snapshot=on,${file}`];
  return [
    ...['-drive', `if=none,id=cd,media=cdrom,readonly=on,${file}`],
    ...['-device', 'virtio-scsi-pci', '-device', 'scsi-cd,drive=cd'],
  ];
}

/**
 * Builds QEMU's arguments.
 * @param options the machine
 * @param withAccelerator what detectAccelerator() found
 * @param statusFile where QEMU writes what the kernel says on port 0xe9
 * @param apart the runtime's parts, when the base is shared
 * @returns the arguments, without the name of the program
 */
export function machineArguments(
  options: MachineOptions,
  withAccelerator: Accelerator,
  statusFile: string,
  apart?: SplitRuntime,
): string[] {
  const { processors = 1 } = options;
  const processor =
    withAccelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host', '-smp', String(processors)]
      : // maxcpus=2: with a single possible processor QEMU 7.2 drops the guest's mfence.
        [
          ...['-accel', 'tcg,thread=multi', '-cpu', 'max'],
          ...['-smp', processors === 1 ? '1,maxcpus=2' : String(processors)],
        ];
  return [
    ...[...memoryArguments(options.memoryMegabytes ?? 512, apart), ...processor],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...(options.serial === undefined
      ? consoleArguments(options.consoleLog)
      : ['-serial', options.serial]),
    ...['-chardev', `file,id=status,path=${escapeComma(statusFile)}`],
    ...['-device', 'isa-debugcon,iobase=0xe9,chardev=status'],
    ...networkArguments(options.network),
    ...bootArguments(options, apart),
    ...(options.gdb ? ['-gdb', `tcp:localhost:${gdbPort}`, '-S'] : []),
    ...(options.extraArguments ?? []),
  ];
}

/** The serial line on standard input and output, with a copy in a file if there is one. */
function consoleArguments(log: string | undefined): string[] {
  if (log === undefined) return ['-serial', 'stdio'];
  const copy = `logfile=${escapeComma(log)},logappend=off`;
  return ['-chardev', `stdio,id=console,${copy}`, '-serial', 'chardev:console'];
}
