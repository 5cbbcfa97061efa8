// Values of options and of configs, as text.
import { InvalidArgumentError } from 'commander';
import { noVolumes } from './config/schema.ts';
import { type PortForward, parseForward } from './network.ts';

/**
 * Parses an amount of memory.
 * @param text MiB, or with a unit: `512`, `512M`, `2G`
 * @returns MiB
 * @throws InvalidArgumentError for anything else
 */
export function parseMegabytes(text: string): number {
  const { digits, unit } = /^(?<digits>\d{1,7})(?<unit>[MG])?$/i.exec(text)?.groups ?? {};
  const value = Number(digits) * (unit?.toUpperCase() === 'G' ? 1024 : 1);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of MiB, such as 512, or 2G.');
  }
  return value;
}

/**
 * Parses a number of processors.
 * @param text 1 to 255
 * @throws InvalidArgumentError for anything else
 */
export function parseProcessors(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 255) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 255.');
  }
  return value;
}

/** Collects the ports of an option that may be given several times. */
export function collectForwards(text: string, before: readonly PortForward[] = []): PortForward[] {
  return [...before, parseForward(text)];
}

/** Collects the values of an option that may be given several times. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/**
 * Collects `NAME=value`.
 * @throws InvalidArgumentError for text without a name
 */
export function collectVariables(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const index = text.indexOf('=');
  if (index < 1) throw new InvalidArgumentError('Write NAME=value.');
  return { ...before, [text.slice(0, index)]: text.slice(index + 1) };
}

/** Refuses disks: there is no driver for them. */
export function refuseVolume(): never {
  throw new InvalidArgumentError(noVolumes.replace(/^volumes/, 'Volumes'));
}
