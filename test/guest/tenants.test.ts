// examples/tenants: programs in isolates of their own, behind a router that goes on when they fail.
import test from 'ava';
import { buildInitrd } from '../../lib/cli/src/bundle.ts';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { printed } from './support/console.ts';
import { freePort } from './support/free-port.ts';
import { guestFolder } from './support/guest.ts';

/** A port of this host that nobody has. */
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const patience = 240_000;

let machine: RunningMachine;

test.before(async () => {
  const initrd = `${guestFolder}/tenants/initrd`;
  await buildInitrd({ entry: inRepository('examples/tenants'), outFile: initrd });
  machine = await startMachine({
    initrd,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
    memoryMegabytes: 384,
    append: 'log=info env.TENANTS=20',
    timeoutMilliseconds: 540_000,
  });
  await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
});

test.after.always(() => machine?.kill());

async function get(path: string, init: RequestInit = {}): Promise<[number, string]> {
  const answer = await fetch(`${base}${path}`, { ...init, signal: AbortSignal.timeout(patience) });
  return [answer.status, await answer.text()];
}

/** Asks until a tenant that is being started answers. */
async function getWhenStarted(path: string): Promise<[number, string]> {
  for (;;) {
    const [status, text] = await get(path);
    if (status !== 503) return [status, text];
    if (/ is off: /.test(text)) throw new Error(text);
  }
}

test.serial('requests go to their tenants', async (t) => {
  for (let number = 1; number <= 20; number++) {
    const [status, text] = await getWhenStarted(`/tenant-${number}`);
    t.is(status, 200);
    t.regex(text, new RegExp(`^Hello from tenant-${number}: visit 1\\.`));
  }
  const body = 'x'.repeat(100_000);
  t.deepEqual(await get('/tenant-3/echo', { method: 'POST', body }), [200, body]);
  t.is((await get('/tenant-3/nothing'))[0], 404);
  t.is((await get('/nobody'))[0], 404);
});

for (const [path, why] of [
  [
    'loop',
    /a turn of its event loop took more than 2000 ms of processor time[\s\S]*at spin \(tenant\.ts:\d+:/,
  ],
  ['hoard', /its memory limit of 16 MiB is reached[\s\S]*at hoard \(tenant\.ts:\d+:/],
] as const) {
  test.serial(`a tenant fails, and is back: ${path}`, async (t) => {
    const failing = get(`/tenant-5/${path}`);
    const [status] = await get('/tenant-6');
    t.is(status, 200);
    t.is((await failing)[0], 502);
    t.regex((await getWhenStarted('/tenant-5'))[1], /tenant-5: visit 1\./);
    t.regex((await get('/tenant-6'))[1], /tenant-6: visit \d\./);
    await printed(machine, why);
  });
}

test.serial('the router tells what each has used', async (t) => {
  const [, text] = await get('/');
  t.is(text.trim().split('\n').length, 20);
  t.regex(text, /^tenant-5: running, cpu \d+ ms, heap \d+ KiB, messages \d+, restarts 2$/m);
});
