// What the image of an app needs so that its machines ask a cloud's metadata service.
import path from 'node:path';
import type { MetadataService } from './guest.ts';

export type { MetadataService } from './guest.ts';

/** Providers whose services guest.ts knows. */
export const metadataServices = [
  'openstack',
  'gce',
  'digitalocean',
  'hetzner',
] as const satisfies readonly MetadataService[];

const extension = path.extname(import.meta.filename);
const guestModule = `/etc/runtime/metadata.m${extension.slice(1)}`;

/** What an image needs. */
export interface MetadataParts {
  /** Path in the image to a file of this machine. */
  readonly files: Readonly<Record<string, string>>;
  /** Options of Node. */
  readonly nodeOptions: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** @returns what an image needs to ask a service, or none */
export function metadataParts(service: MetadataService | 'none'): MetadataParts {
  if (service === 'none') return { files: {}, nodeOptions: [], environment: {} };
  return {
    files: { [guestModule]: path.join(import.meta.dirname, `guest${extension}`) },
    nodeOptions: ['--import', guestModule],
    environment: { RUNTIMEJS_METADATA: service },
  };
}
