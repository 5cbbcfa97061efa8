// Bundles compositions of the system isolate that tests have.
import path from 'node:path';
import { inRepository } from '../../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../../lib/system/bundle.ts';
import { guestFolder } from './guest.ts';

/** Bundles a composition of test/guest/system. @returns the path of the bundle */
export async function composeSystem(name: string): Promise<string> {
  const system = path.join(guestFolder, `${name}-system.js`);
  await bundleSystem(system, inRepository('test/guest/system', `${name}.ts`));
  return system;
}
