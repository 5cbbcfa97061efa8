// What the commands that boot a machine on this terminal share: ports, network, the kernel's command line.
import { existsSync } from 'node:fs';
import { ToolError } from './command.ts';
import { runOnTerminal, type TerminalEnd, type TerminalOptions } from './machine.ts';
import {
  checkForwards,
  checkTap,
  findFreePort,
  loopback,
  type NetworkDeviceName,
  type NetworkOptions,
  type PortForward,
} from './network.ts';

/** Node's own port for its inspector. */
export const inspectorPort = 9229;

/** Node's option that starts its inspector for this host. */
export const inspectorOption = `--inspect=0.0.0.0:${inspectorPort}`;

/** Where the kernel, linked at 0, runs with layout=fixed (native/kernel/boot/relocate.cpp). */
export const fixedKernelBase = '0xffffffff80000000';

/** What the user said about the network, on the command line or in a config. */
export interface NetworkChoice {
  readonly network: boolean;
  /** Ports that were asked for: each must be free. */
  readonly port?: readonly PortForward[] | undefined;
  /** Ports of the guest to forward from wherever there is room, when none were asked for. */
  readonly defaultPorts: readonly number[];
  readonly netDevice: NetworkDeviceName;
  readonly tap?: string | undefined;
  readonly pcap?: string | undefined;
  readonly inspect?: boolean | undefined;
}

/** Works out the ports to forward: those that were named, or the defaults, wherever they are free. */
async function chooseForwards({
  port,
  defaultPorts,
  inspect,
}: NetworkChoice): Promise<PortForward[]> {
  const local = { protocol: 'tcp', address: loopback } as const;
  const isNamed = (guest: number) => port?.some((forward) => forward.guest === guest) ?? false;
  if (port) await checkForwards(port);
  const forwards: PortForward[] = [...(port ?? [])];
  const guests = [...(port ? [] : defaultPorts), ...(inspect ? [inspectorPort] : [])];
  for (const guest of guests.filter((number) => !isNamed(number))) {
    const host = await findFreePort(guest);
    if (host !== guest) {
      console.error(`Port ${guest} of this host is taken, so the guest's port is ${host} here.`);
    }
    forwards.push({ ...local, host, guest });
  }
  return forwards;
}

/**
 * Works out the machine's network.
 * @param choice what the user said
 * @returns undefined for a machine without a network card
 * @throws ToolError for choices that exclude each other, ports that are taken, TAP devices that are not there
 */
export async function chooseNetwork(choice: NetworkChoice): Promise<NetworkOptions | undefined> {
  const { tap, port, pcap, netDevice: device } = choice;
  if (!choice.network) {
    if (tap || port || pcap) {
      throw new ToolError('--no-network leaves nothing for --tap, --port and --pcap: drop one.');
    }
    return undefined;
  }
  if (tap !== undefined) {
    if (port) {
      throw new ToolError(
        '--port forwards ports of the user network. On a TAP device the guest has an address of ' +
          'its own, and every port of it can be reached.',
      );
    }
    await checkTap(tap);
    return { device, tap, pcap };
  }
  return { device, forward: await chooseForwards(choice), pcap };
}

/** What a user does with a port of the guest that something listens on. */
export function describePort({ address, host, guest }: PortForward): string {
  const name = address === loopback || address === '0.0.0.0' ? 'localhost' : address;
  if (guest === inspectorPort) return `Inspector on ${name}:${host} (open chrome://inspect)`;
  return `${guest === 443 || guest === 8443 ? 'https' : 'http'}://${name}:${host}`;
}

/**
 * Quotes a word for the kernel's command line, where double quotes group.
 * @throws ToolError when it holds a double quote
 */
export function quoteWord(word: string): string {
  if (word.includes('"')) {
    throw new ToolError(`The kernel's command line cannot hold a double quote: ${word}`);
  }
  return /\s/.test(word) || word === '' ? `"${word}"` : word;
}

/** What goes onto the kernel's command line. */
export interface CommandLine {
  readonly options?: readonly string[];
  readonly gdb?: boolean | undefined;
  readonly inspect?: boolean | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  /** The app's further arguments. */
  readonly arguments?: readonly string[];
}

/**
 * Builds the kernel's command line.
 * @param parts what goes onto it
 * @throws ToolError when a value cannot be written there
 */
export function commandLine(parts: CommandLine): string {
  const { options = [], environment = {}, arguments: words = [] } = parts;
  return [
    parts.gdb ? 'layout=fixed' : '',
    parts.inspect ? `env.NODE_OPTIONS=${inspectorOption}` : '',
    ...options,
    ...Object.entries(environment).map(([name, value]) => quoteWord(`env.${name}=${value}`)),
    ...(words.length > 0 ? ['--', ...words.map(quoteWord)] : []),
  ]
    .filter(Boolean)
    .join(' ');
}

/**
 * The command that attaches gdb to a machine that waits for it.
 * @param port of QEMU's gdb stub
 * @param kernel the kernel with its symbols, when there is one
 */
export function gdbArguments(port: number, kernel: string | undefined): string[] {
  const symbols =
    kernel === undefined || !existsSync(kernel)
      ? []
      : ['-ex', `add-symbol-file ${kernel} -o ${fixedKernelBase}`];
  // gdb would ask whether it may take the symbols.
  return ['-q', '-ex', 'set confirm off', ...symbols, '-ex', `target remote :${port}`];
}

/**
 * Boots a machine on this terminal, tells where its ports are reached, and how it ended.
 * @param machine see there
 * @returns how it ended
 */
export async function launch(machine: TerminalOptions): Promise<TerminalEnd> {
  const end = await runOnTerminal({
    ...machine,
    onListening: (forward, milliseconds) => {
      const time = `${(milliseconds / 1000).toFixed(1)} s after the start`;
      console.error(`\n  ➜  ${describePort(forward)}   (${time}; Ctrl-C ends the app)\n`);
      machine.onListening?.(forward, milliseconds);
    },
  });
  if (end.code !== 0 && !machine.signal?.aborted) {
    const why = end.reason ? `: ${end.reason}` : '';
    console.error(`The machine ended with code ${end.code}${why}`);
  }
  return end;
}
