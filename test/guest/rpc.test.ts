// Remote calls between bare isolates in a virtual machine.
import test from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { printed } from './support/console.ts';
import { guestInitrd } from './support/guest.ts';

/** A port of this host; another run of the tests has another. */
const port = 26_000 + (process.pid % 1000);
const base = `http://127.0.0.1:${port}`;
/** Longer than any answer takes on a busy machine without KVM. */
const patience = 120_000;

let machine: RunningMachine;

test.before(async () => {
  const initrd = await guestInitrd('rpc', 'rpc/app/main.ts');
  machine = await startMachine({
    initrd,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
    memoryMegabytes: 384,
    processors: 2,
    append: 'log=info',
    timeoutMilliseconds: 560_000,
  });
  await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
});

test.after.always(() => machine?.kill());

async function ask(path: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${base}${path}`, { signal: AbortSignal.timeout(patience) });
  return (await answer.json()) as Record<string, unknown>;
}

const expected: Readonly<Record<string, unknown>> = {
  values: true,
  callbacks: 9900,
  streams: { got: 500, bounded: true, sum: 5050 },
  errors: { type: true, text: 'failed on purpose', code: 'E_PURPOSE', there: true, here: true },
  unsendable: 'arguments[0].list[0] cannot be sent: a symbol means nothing on the other side',
  aborted: 'enough',
  released: { code: 'released', exported: 0 },
  collected: { given: true, left: 0 },
  passedOn: {
    results: [5, 11],
    code: 'revoked',
    text: 'This reference has been revoked by its owner: lent for two uses',
    total: 11,
  },
  mutual: { code: 'timed-out', goesOn: 3 },
  changed: {
    code: 'no-such-method',
    text: 'It has no method add; it can be asked for changed. Has its interface changed?',
  },
  forged: 'protocol error: reference 77 is used without having been given',
  killed: { code: 'peer-gone', after: 'peer-gone' },
};

for (const [check, result] of Object.entries(expected)) {
  test.serial(`between isolates: ${check}`, async (t) => {
    t.deepEqual(await ask(`/${check}`), { result });
  });
}

test.serial('calls, and buffers that move', async (t) => {
  for (const depth of [1, 64]) {
    const { perSecond } = await ask(`/speed?depth=${depth}&calls=2000`);
    t.true((perSecond as number) > 0);
    t.log(`${(perSecond as number).toFixed(0)} round trips per second, ${depth} at a time`);
  }
  for (const bytes of [4096, 16 << 20]) {
    const { microseconds, length } = await ask(`/move?bytes=${bytes}&times=50`);
    t.is(length, bytes);
    t.log(`${(microseconds as number).toFixed(0)} µs there and back with ${bytes} bytes`);
  }
});
