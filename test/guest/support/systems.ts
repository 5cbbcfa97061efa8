// The systems that tests and benchmarks boot in the same virtual machine: ours, and Linux in two forms, all with the
// same Node and the same app.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { InitrdOptions } from '../../../lib/cli/src/bundle.ts';
import type { MachineOptions } from '../../../lib/cli/src/machine.ts';
import { escapeComma, type NetworkOptions } from '../../../lib/cli/src/network.ts';
import { runtimeImage } from '../../../lib/cli/src/paths.ts';
import { step } from '../../../lib/cli/src/progress.ts';
import { makeInitramfs } from '../../bench/peer/initramfs.ts';
import { fetchKernel } from '../../bench/peer/kernel.ts';
import { makeSlimDisk } from '../../bench/peer/slim-disk.ts';
import { fetchSlimKernel } from '../../bench/peer/slim-kernel.ts';
import { guestInitrd } from './guest.ts';

/**
 * - ours: Runtime.JS
 * - slim: Linux with what this machine needs and no modules, started through PVH, its root on ext4 on virtio-blk
 * - cloud: Debian's kernel for clouds, with everything in an initramfs
 */
export const machineSystems = ['ours', 'slim', 'cloud'] as const;
export type MachineSystem = (typeof machineSystems)[number];

/** How reports name them. */
export const systemTitles: Readonly<Record<MachineSystem, string>> = {
  ours: 'Runtime.JS',
  slim: 'slim Linux',
  cloud: "Debian's cloud kernel",
};

/**
 * Words that make Linux faster or smaller here:
 * - panic=-1: a panic ends QEMU (-no-reboot) at once, which a search for the least memory needs.
 * - mitigations=off: one program that trusts itself needs none.
 * - tsc=reliable no_timer_check: no tests of clocks that the virtual machine guarantees.
 * - clearcpuid=erms,fsrm: QEMU's translator says that it copies single bytes quickly (rep movsb), and is slow at it:
 *   without the flags Linux copies eight at a time.
 */
const linuxWords =
  'console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check clearcpuid=erms,fsrm';
/**
 * And of Debian's kernel alone:
 * - rootfstype=ramfs: the initramfs may fill all memory; a tmpfs would stop at half of it.
 * - cryptomgr.notests: no self-tests of cryptographic algorithms that Node does not use (0.2 s).
 * - lsm=, audit=0: nothing to guard or to record.
 */
const cloudWords = `${linuxWords} rootfstype=ramfs cryptomgr.notests lsm= audit=0`;
const slimWords = `${linuxWords} root=/dev/vda rootfstype=ext4 ro init=/init`;

/** Addresses that Linux is given, where our own system asks a DHCP server. */
export interface LinuxAddresses {
  readonly address: string;
  readonly gateway: string;
  readonly nameserver: string;
  readonly address6?: string;
}

/** What to boot. */
export interface SystemOptions {
  /** Name of the app, for its files. */
  readonly name: string;
  /** The app's path, below test/guest. */
  readonly entry: string;
  readonly network?: NetworkOptions;
  readonly linux?: LinuxAddresses;
  readonly environment?: Readonly<Record<string, string>>;
  readonly bundling?: Partial<InitrdOptions>;
  readonly launcher?: readonly string[];
  readonly memoryMegabytes?: number;
  readonly processors?: number;
  /** More arguments for QEMU: devices that `network` does not know. */
  readonly extraArguments?: readonly string[];
}

/** A machine, and what it boots from. */
export interface SystemMachine extends MachineOptions {
  /** Kernel, and initrd or disk: paths on this machine. */
  readonly images: readonly string[];
}

/** The variables by which Linux' init configures the network (test/bench/peer/init.c). */
function addressVariables(addresses: LinuxAddresses | undefined): Record<string, string> {
  if (addresses === undefined) return {};
  return {
    PEER_ADDRESS: addresses.address,
    PEER_NETMASK: '255.255.255.0',
    PEER_GATEWAY: addresses.gateway,
    PEER_NAMESERVER: addresses.nameserver,
    ...(addresses.address6 ? { PEER_ADDRESS6: addresses.address6 } : {}),
  };
}

/**
 * Prepares the machine of an app.
 * @param options the app and its machine
 * @param system what boots
 * @throws ToolError when a peer cannot be made
 */
export async function systemMachine(
  options: SystemOptions,
  system: MachineSystem,
): Promise<SystemMachine> {
  const { name, entry, environment = {}, linux } = options;
  const initrd = await guestInitrd(name, entry, options.bundling);
  const { memoryMegabytes = 768, processors, launcher, network, extraArguments = [] } = options;
  const machine: MachineOptions = {
    memoryMegabytes,
    network,
    extraArguments,
    ...(launcher ? { launcher } : {}),
    ...(processors ? { processors } : {}),
  };
  if (system === 'ours') {
    const words = Object.entries(environment).map(([key, value]) => `env.${key}=${value}`);
    const images = [runtimeImage, initrd];
    return { ...machine, initrd, append: words.join(' '), images };
  }
  const variables = Object.entries({ ...addressVariables(linux), ...environment });
  const words = variables.map(([key, value]) => `${key}=${value}`);
  const source = { runtime: runtimeImage, initrd };
  const folder = path.join(path.dirname(initrd), system);
  mkdirSync(folder, { recursive: true });
  if (system === 'cloud') {
    const { file: runtime, networkModules } = await fetchKernel();
    const initramfs = await makeInitramfs(source, folder, networkModules);
    const append = [cloudWords, ...words].join(' ');
    return { ...machine, runtime, initrd: initramfs, append, images: [runtime, initramfs] };
  }
  const { file: runtime } = await step("The slim peer's kernel", fetchSlimKernel);
  const disk = await makeSlimDisk(source, folder);
  return {
    ...machine,
    runtime,
    images: [runtime, disk],
    initrd: null,
    append: [slimWords, ...words].join(' '),
    extraArguments: [
      ...extraArguments,
      ...['-drive', `if=virtio,format=raw,readonly=on,file=${escapeComma(disk)}`],
    ],
  };
}
