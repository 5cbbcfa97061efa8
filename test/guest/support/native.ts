// Builds the native code of the guest tests: addons of a folder each.
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { inRepository, nodePackage } from '../../../lib/cli/src/paths.ts';
import { guestFolder } from './guest.ts';

const flags = [
  ...['-std=c++20', '-O2', '-g1', '-fno-omit-frame-pointer', '-fPIC', '-shared', '-pthread'],
  ...['-Wall', '-Wextra', '-Werror'],
];

/** What an addon is made of, besides all of its folder below test/guest. */
const further = {
  native: [],
  torture: ['native/registers.S'],
  microbench: [],
} as const;

/** An addon: crashes and stress tests, the torture, or microbenchmarks. */
export type Addon = keyof typeof further;

const built = new Map<Addon, Promise<void>>();

/** Compiles build/test/guest/NAME.node, which an app bundles, unless it is newer than its sources. */
export function buildNativeAddon(name: Addon): Promise<void> {
  const running = built.get(name) ?? compile(name);
  built.set(name, running);
  return running;
}

async function compile(name: Addon): Promise<void> {
  const addon = path.join(guestFolder, `${name}.node`);
  const folder = inRepository('test/guest', name);
  const files = [
    ...readdirSync(folder).map((file) => path.join(folder, file)),
    ...further[name].map((file) => inRepository('test/guest', file)),
  ];
  const current = statSync(addon, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (files.every((file) => statSync(file).mtimeMs < current)) return;
  mkdirSync(guestFolder, { recursive: true });
  const headers = path.join(nodePackage, 'include/node');
  const units = files.filter((file) => /\.(cc|S)$/.test(file));
  await execa('g++', [...flags, '-I', headers, ...units, '-o', addon]);
}
