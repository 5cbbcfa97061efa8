// What this machine has, and how its package manager brings what it lacks.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Finds a program on the PATH.
 * @param name of the program
 * @returns its path, or undefined
 */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not there: the next folder may have it.
    }
  }
  return undefined;
}

interface Distribution {
  /** IDs of os-release(5) that it, or what it derives from, goes by. */
  readonly ids: readonly string[];
  /** Installs packages; their names follow. */
  readonly install: string;
  readonly qemu: string;
  readonly gdb: string;
  readonly libatomic: string;
}

const distributions: readonly Distribution[] = [
  {
    ids: ['debian', 'ubuntu'],
    install: 'sudo apt-get install',
    qemu: 'qemu-system-x86',
    gdb: 'gdb',
    libatomic: 'libatomic1',
  },
  {
    ids: ['fedora', 'rhel', 'centos'],
    install: 'sudo dnf install',
    qemu: 'qemu-system-x86',
    gdb: 'gdb',
    libatomic: 'libatomic',
  },
  {
    ids: ['arch'],
    install: 'sudo pacman -S',
    qemu: 'qemu-system-x86',
    gdb: 'gdb',
    libatomic: 'gcc-libs',
  },
  {
    ids: ['suse', 'opensuse'],
    install: 'sudo zypper install',
    qemu: 'qemu-x86',
    gdb: 'gdb',
    libatomic: 'libatomic1',
  },
  {
    ids: ['alpine'],
    install: 'sudo apk add',
    qemu: 'qemu-system-x86_64',
    gdb: 'gdb',
    libatomic: 'libatomic',
  },
];

/** Something that a package manager brings. */
export type HostPackage = 'qemu' | 'gdb' | 'libatomic';

/**
 * The command that installs something on this distribution.
 * @param what to install
 * @param osRelease content of os-release(5), by default this machine's
 */
export function installCommand(what: HostPackage, osRelease = readOsRelease()): string | undefined {
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(
    ([, value]) => value?.split(/[\s-]+/) ?? [],
  );
  const distribution = distributions.find((entry) => entry.ids.some((id) => ids.includes(id)));
  return distribution && `${distribution.install} ${distribution[what]}`;
}

/** What to do when there is no QEMU, as a sentence. */
export function installQemu(osRelease?: string): string {
  const command = installCommand('qemu', osRelease);
  return command === undefined
    ? 'Install QEMU for x86-64 (qemu-system-x86_64) with the package manager of this system.'
    : `Install it: ${command}`;
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}
