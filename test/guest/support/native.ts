// Builds the native code of the guest tests: an addon with crashes and stress tests.
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { inRepository, nodePackage } from '../../../lib/cli/src/paths.ts';
import { guestFolder } from './guest.ts';

const sources = inRepository('test/guest/native');
const addon = path.join(guestFolder, 'native.node');

const flags = [
  ...['-std=c++20', '-O2', '-g1', '-fno-omit-frame-pointer', '-fPIC', '-shared', '-pthread'],
  ...['-Wall', '-Wextra', '-Werror'],
];

let built: Promise<void> | undefined;

/** Compiles the addon unless it is newer than its sources; apps/native.ts bundles it. */
export function buildNativeAddon(): Promise<void> {
  built ??= compile();
  return built;
}

async function compile(): Promise<void> {
  const files = readdirSync(sources).map((name) => path.join(sources, name));
  const current = statSync(addon, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (files.every((file) => statSync(file).mtimeMs < current)) return;
  mkdirSync(guestFolder, { recursive: true });
  const headers = path.join(nodePackage, 'include/node');
  const units = files.filter((file) => /\.(cc|S)$/.test(file));
  await execa('g++', [...flags, '-I', headers, ...units, '-o', addon]);
}
