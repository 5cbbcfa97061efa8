// Compositions of the system isolate: only what they import is in the bundle.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Script } from 'node:vm';
import test from 'ava';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { systemCodeCache } from '../../lib/system/code-cache.ts';
import { encodeBase64 } from '../../lib/system/src/network-capture.ts';

/** Sources of a bundle, by its source map, and its code. */
async function bundle(
  program?: string,
): Promise<{ sources: string[]; code: string; text: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'composition-'));
  try {
    const outFile = path.join(folder, 'main.js');
    const entry = path.join(folder, 'system.ts');
    if (program !== undefined) writeFileSync(entry, program);
    await bundleSystem(outFile, program === undefined ? undefined : entry);
    const text = readFileSync(outFile, 'latin1');
    const [code = '', url = ''] = text.split('\n//# sourceMappingURL=');
    const map = JSON.parse(Buffer.from(url.split(',')[1] ?? '', 'base64').toString());
    return { sources: map.sources, code, text };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const has = (sources: readonly string[], part: string): boolean =>
  sources.some((source) => source.includes(part));

test('the default composition has both drivers, TCP, DHCP and IPv6, and no recording', async (t) => {
  const { sources, code } = await bundle();
  for (const part of [
    'virtio-net/src',
    'e1000/src',
    'virtio-rng/src',
    'net/src/tcp',
    'net/src/dhcp',
  ]) {
    t.true(has(sources, part), part);
  }
  t.false(has(sources, 'net/src/capture'));
  t.false(has(sources, 'network-static'));
  t.notThrows(() => new Script(code));
});

test('a composition outside of the repository has what it imports, and nothing else', async (t) => {
  const { sources } = await bundle(`
    import * as e1000 from '@runtimejs/e1000/driver.ts';
    import { system } from '@runtimejs/system/compose.ts';
    import { network } from '@runtimejs/system/network.ts';
    import { staticAddresses } from '@runtimejs/system/network-static.ts';
    const eth0 = staticAddresses({ interface: 'eth0', addresses: ['192.168.1.5/24'] });
    system({ services: [network({ drivers: [e1000], configuration: [eth0] })] });
  `);
  t.true(has(sources, 'e1000/src/device.ts'));
  t.true(has(sources, 'net/src/tcp/tcp.ts'));
  for (const absent of ['virtio', 'net/src/dhcp/client', 'ipv6/autoconfiguration', 'capture']) {
    t.false(has(sources, absent), absent);
  }
});

test('a composition without a network has no stack', async (t) => {
  const { sources, code } = await bundle(`
    import * as virtioRng from '@runtimejs/virtio-rng/driver.ts';
    import { system } from '@runtimejs/system/compose.ts';
    system({ drivers: [virtioRng] });
  `);
  t.true(has(sources, 'virtio-rng/src/driver.ts'));
  for (const absent of ['net/src/tcp', 'net/src/ip/', 'net/src/sockets', 'virtio-net']) {
    t.false(has(sources, absent), absent);
  }
  t.true(code.length < 100_000, `${code.length} bytes`);
});

test('the recording comes when it is asked for', async (t) => {
  const { sources } = await bundle(`
    import { system } from '@runtimejs/system/compose.ts';
    import { network } from '@runtimejs/system/network.ts';
    import { capture } from '@runtimejs/system/network-capture.ts';
    system({ services: [network({ capture: capture() })] });
  `);
  t.true(has(sources, 'net/src/capture/capture.ts'));
});

test('the code cache fits the bundle, and this V8 takes it', async (t) => {
  const { code, text } = await bundle();
  const cachedData = Buffer.from(systemCodeCache(text, 'Node'));
  t.deepEqual(Buffer.from(systemCodeCache(text, 'Node')), cachedData);
  const script = new Script(code, { filename: '/system/main.js', cachedData });
  t.false(script.cachedDataRejected);
});

test('base 64 of any length', (t) => {
  for (let length = 0; length < 10; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 77 + length);
    t.is(encodeBase64(bytes), Buffer.from(bytes).toString('base64'));
  }
});
