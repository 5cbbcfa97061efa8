// @ts-check
// Debian packages that the build and the tests need. Plain JavaScript for Node 20, because one of
// them, libatomic1, is needed by Node 26 itself.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import path from 'node:path';

/** A failure whose message is all that the user needs: no stack trace is shown for it. */
export class SetupError extends Error {}

/**
 * @typedef {object} DebianPackage
 * @property {string} name
 * @property {string} why       what it is for, completing "needed for ..."
 * @property {string} [command] a command it brings, looked for where there is no dpkg
 */

/** @type {DebianPackage[]} */
const buildPackages = [
  { name: 'binutils', why: 'assembling, linking and stripping', command: 'strip' },
  { name: 'cmake', why: 'building the native part', command: 'cmake' },
  { name: 'g++', why: 'compiling the kernel and the shim', command: 'g++' },
  { name: 'libatomic1', why: 'Node 26, on this machine and in the image' },
  { name: 'libgcc-s1', why: 'Node 26 in the image' },
  { name: 'libstdc++6', why: 'Node 26 in the image' },
  { name: 'ninja-build', why: 'building the native part', command: 'ninja' },
  { name: 'xz-utils', why: "unpacking ACPICA's sources", command: 'xz' },
];

/** @type {DebianPackage[]} */
const bootPackages = [
  { name: 'qemu-system-x86', why: 'booting the image', command: 'qemu-system-x86_64' },
];

/** @type {DebianPackage[]} */
const lintPackages = [
  { name: 'clang-format', why: 'checking the layout of C++ sources', command: 'clang-format' },
  { name: 'cppcheck', why: 'static analysis of C++ sources', command: 'cppcheck' },
];

/** @type {DebianPackage[]} */
const testPackages = [
  { name: 'acpica-tools', why: 'tests of damaged ACPI tables: the compiler', command: 'iasl' },
  { name: 'curl', why: 'network tests: the client', command: 'curl' },
  {
    name: 'dnsmasq-base',
    why: 'network tests: DHCP, router advertisements, DNS',
    command: 'dnsmasq',
  },
  { name: 'dosfstools', why: 'tests of disk images: the volume', command: 'fsck.fat' },
  { name: 'fish', why: 'tests of shell completion', command: 'fish' },
  { name: 'gdb', why: 'debugger tests', command: 'gdb' },
  { name: 'gdisk', why: 'tests of disk images: the partitions', command: 'sgdisk' },
  { name: 'grub-common', why: 'boot tests from a CD image', command: 'grub-mkrescue' },
  { name: 'grub-efi-amd64-bin', why: 'boot tests from a CD image under UEFI' },
  { name: 'grub-pc-bin', why: 'boot tests from a CD image' },
  { name: 'iproute2', why: 'network tests: namespaces and TAP devices', command: 'ip' },
  { name: 'iputils-ping', why: 'network tests: ping', command: 'ping' },
  {
    name: 'libvirt-clients',
    why: "tests of deployments: libvirt's schemas",
    command: 'virt-xml-validate',
  },
  { name: 'libxml2-utils', why: "tests of deployments: libvirt's schemas", command: 'xmllint' },
  { name: 'mtools', why: 'boot tests from a CD image', command: 'mformat' },
  { name: 'ovmf', why: 'boot tests under UEFI: the firmware' },
  { name: 'qemu-utils', why: 'tests of disk images: the formats', command: 'qemu-img' },
  { name: 'shellcheck', why: 'tests of deployments: the scripts', command: 'shellcheck' },
  { name: 'skopeo', why: 'tests of deployments: container disks', command: 'skopeo' },
  { name: 'tshark', why: 'network tests: looking for faults in captures', command: 'tshark' },
  { name: 'xorriso', why: 'boot tests from a CD image', command: 'xorriso' },
  { name: 'zsh', why: 'tests of shell completion', command: 'zsh' },
];

/** @type {DebianPackage[]} */
const benchPackages = [
  { name: 'bc', why: 'benchmarks: building the slim Linux kernel', command: 'bc' },
  { name: 'bison', why: 'benchmarks: building the slim Linux kernel', command: 'bison' },
  { name: 'curl', why: 'benchmarks: asking for tasks', command: 'curl' },
  { name: 'dnsmasq-base', why: "benchmarks: the machines' addresses", command: 'dnsmasq' },
  { name: 'e2fsprogs', why: "benchmarks: the slim Linux's disk", command: 'mke2fs' },
  { name: 'flex', why: 'benchmarks: building the slim Linux kernel', command: 'flex' },
  { name: 'iproute2', why: 'benchmarks: namespaces and TAP devices', command: 'ip' },
  { name: 'libelf-dev', why: 'benchmarks: building the slim Linux kernel' },
  { name: 'make', why: 'benchmarks: building the slim Linux kernel', command: 'make' },
  { name: 'util-linux', why: 'benchmarks: the host with as many processors', command: 'taskset' },
  { name: 'wrk', why: 'benchmarks: load over HTTP', command: 'wrk' },
];

/** @type {Record<string, DebianPackage[]>} */
const packagesOfCommand = {
  bench: [...buildPackages, ...bootPackages, ...benchPackages],
  build: buildPackages,
  pack: buildPackages,
  start: [...buildPackages, ...bootPackages],
  lint: [...buildPackages, ...lintPackages],
  format: lintPackages,
  test: [...buildPackages, ...bootPackages, ...lintPackages, ...testPackages],
};

/**
 * @param {string} command
 * @returns {string | undefined} where the command is on the PATH (or in the usual system folders)
 */
function findCommand(command) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  for (const folder of [...folders, '/usr/sbin', '/sbin']) {
    const file = path.join(folder, command);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there: the next folder may have it.
    }
  }
  return undefined;
}

/**
 * Asks dpkg which of the packages are not fully installed.
 * @param {DebianPackage[]} packages
 * @returns {DebianPackage[]}
 */
function missingPackages(packages) {
  let output;
  try {
    const names = packages.map(({ name }) => name);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in.
    output = execFileSync('dpkg-query', ['-W', '-f=${Status}\t${Package}\n', ...names], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    // dpkg-query exits with 1 when it knows nothing of some package, and still lists the others.
    output = /** @type {{ stdout?: string }} */ (error).stdout ?? '';
  }
  const installed = new Set();
  for (const line of output.split('\n')) {
    const [status, name] = line.split('\t');
    if (status === 'install ok installed') installed.add(name);
  }
  return packages.filter(({ name }) => !installed.has(name));
}

/** @returns {boolean} whether apt has package lists at all (a fresh container image has none) */
function hasPackageLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'));
  } catch {
    return false;
  }
}

/**
 * Makes sure that the Debian packages which a command of the tools needs are installed, and installs
 * the missing ones with apt-get, through sudo when this user is not root.
 * @param {string} command the tools' command: start, build, test, bench, lint or format; others need
 *   nothing
 * @param {(command: string, parameters: string[], environment?: NodeJS.ProcessEnv) => Promise<number>} run
 *   runs a command on the terminal and gives its exit code
 * @returns {Promise<void>}
 * @throws {SetupError} naming the packages, when they cannot be installed
 */
export async function installDebianPackages(command, run) {
  const packages = packagesOfCommand[command];
  if (!packages) return;

  if (!findCommand('dpkg-query') || !findCommand('apt-get')) {
    const missing = packages.filter((entry) => entry.command && !findCommand(entry.command));
    if (missing.length === 0) return;
    const list = missing.map((entry) => `${entry.command} (${entry.why})`).join(', ');
    throw new SetupError(
      `Not found: ${list}. This system has no apt-get, so install them with its own package manager.`,
    );
  }

  const missing = missingPackages(packages);
  if (missing.length === 0) return;

  console.log('Installing Debian packages:');
  for (const { name, why } of missing) console.log(`  ${name.padEnd(16)} for ${why}`);

  const names = missing.map(({ name }) => name);
  /** @type {string[]} */
  let prefix = [];
  if (process.getuid?.() !== 0) {
    if (!findCommand('sudo')) {
      throw new SetupError(
        `You are not root and there is no sudo. As root, run:\n  apt-get install -y --no-install-recommends ${names.join(' ')}`,
      );
    }
    console.log('You are not root, so apt-get runs through sudo, which may ask for your password.');
    // Without a terminal nobody can answer sudo: let it fail at once instead of waiting.
    prefix = process.stdin.isTTY ? ['sudo'] : ['sudo', '-n'];
  }

  const apt = (/** @type {string[]} */ ...parameters) => {
    const [command = 'env', ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive'];
    return run(command, [...rest, 'apt-get', ...parameters]);
  };
  const install = () => apt('install', '-y', '-qq', '--no-install-recommends', ...names);

  const updated = !hasPackageLists();
  if (updated) await apt('update', '-qq');
  let code = await install();
  if (code !== 0 && !updated) {
    // Old package lists name versions that the mirrors no longer have.
    await apt('update', '-qq');
    code = await install();
  }
  if (code !== 0) {
    throw new SetupError(
      `apt-get could not install ${names.join(', ')} (exit code ${code}; its lines above say why). ` +
        'Install them by hand, then run the command again.',
    );
  }
}
