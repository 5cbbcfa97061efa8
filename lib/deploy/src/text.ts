// Texts for other programs: shell words, XML, QEMU's options, YAML.
import { createHash } from 'node:crypto';
import { DeployError } from './plan.ts';

/** @returns a word that a POSIX shell takes as it is */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** @returns a shell's command line */
export function shellCommand(...words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/** @returns text for XML's content and attributes */
export function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Longest name of a file of fw_cfg, in QEMU. */
const longestName = 55;

/**
 * Variables as user data, which the machine takes from its provider's metadata service.
 * @throws DeployError for what a line cannot hold
 */
export function userData(environment: Readonly<Record<string, string>>): string {
  const lines = Object.entries(environment).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || /[\0\r\n]/.test(value)) {
      throw new DeployError(
        `The variable "${name}" cannot be given to one machine: its name needs letters, digits and _, its value one line.`,
      );
    }
    return `${name}=${value}\n`;
  });
  return ['# Variables of the app, one a line.\n', ...lines].join('');
}

/** Name of the file that scripts take user data from. */
export const userDataFile = 'user-data';

/** Variables as a file of a plan; none when there are no variables. */
export function userDataFiles(
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.keys(environment).length === 0 ? {} : { [userDataFile]: userData(environment) };
}

/** Variables as files of fw_cfg, by name. */
export function firmwareFiles(
  environment: Readonly<Record<string, string>>,
): [name: string, content: string][] {
  return Object.entries(environment).map(([name, value]) => {
    const file = `opt/runtimejs/env/${name}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || file.length > longestName) {
      throw new DeployError(
        `The variable "${name}" cannot be given to one machine: its name needs letters, digits and _, at most ` +
          `${longestName - 'opt/runtimejs/env/'.length} characters.`,
      );
    }
    if (/[\0\n]/.test(value)) {
      throw new DeployError(
        `The value of ${name} has more than one line, which fw_cfg cannot take.`,
      );
    }
    return [file, value];
  });
}

/** QEMU's arguments for variables. QEMU takes two commas for one. */
export function firmwareArguments(environment: Readonly<Record<string, string>>): string[] {
  return firmwareFiles(environment).flatMap(([name, value]) => [
    '-fw_cfg',
    `name=${name},string=${value.replaceAll(',', ',,')}`,
  ]);
}

/** @returns a UUID that is the same for the same text (RFC 9562, 5.8) */
export function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** @returns a value as JSON, which is YAML, too, with a final newline */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
