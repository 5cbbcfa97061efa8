// A container image that holds nothing but a disk, as an OCI archive.
// Sources: OCI image specification 1.1: layout, manifest, configuration; KubeVirt, container disks.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { tar } from './tar.ts';

/** The user that QEMU runs as in KubeVirt's pods. */
const qemuUser = 107;

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/**
 * Makes the archive.
 * @param disk a qcow2 file's bytes
 * @param name of the disk's file
 * @param reference the name that the image gets in a registry; its tag is kept
 * @returns the archive, in pieces
 */
export function containerDisk(
  disk: Uint8Array,
  name: string,
  reference: string,
): Iterable<Uint8Array> {
  const layerTar = Buffer.concat([
    ...tar([
      { name: 'disk/', size: 0, owner: qemuUser, isFolder: true, content: [] },
      {
        name: `disk/${name}`,
        size: disk.length,
        owner: qemuUser,
        mode: 0o440,
        content: [disk],
      },
    ]),
  ]);
  // What is in the disk is compressed already.
  const layer = gzipSync(layerTar, { level: 1 });
  const config = jsonBytes({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest(layerTar)}`] },
    history: [{ created: '1980-01-01T00:00:00Z', created_by: 'Runtime.JS' }],
  });
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: `sha256:${digest(config)}`,
      size: config.length,
    },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: `sha256:${digest(layer)}`,
        size: layer.length,
      },
    ],
  });
  const tag = /:([^/:]+)$/.exec(reference)?.[1] ?? 'latest';
  const index = jsonBytes({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: `sha256:${digest(manifest)}`,
        size: manifest.length,
        annotations: { 'org.opencontainers.image.ref.name': tag },
        platform: { architecture: 'amd64', os: 'linux' },
      },
    ],
  });
  const folder = (path: string) => ({ name: path, size: 0, isFolder: true, content: [] });
  const file = (path: string, bytes: Uint8Array) => ({
    name: path,
    size: bytes.length,
    content: [bytes],
  });
  return tar([
    file('oci-layout', jsonBytes({ imageLayoutVersion: '1.0.0' })),
    file('index.json', index),
    folder('blobs/'),
    folder('blobs/sha256/'),
    ...[config, manifest, layer].map((bytes) => file(`blobs/sha256/${digest(bytes)}`, bytes)),
  ]);
}
