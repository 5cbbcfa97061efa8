// Clocks: what reading them costs, whether they agree, and what happens when the machine is paused.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { nanosecondsToTimestamp } from '../../lib/sntp/src/wire.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { printed } from './support/console.ts';
import { bootApp } from './support/endings.ts';
import { freePort } from './support/free-port.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';
import { Monitor } from './support/monitor.ts';

const app = { name: 'clocks', entry: 'apps/clocks.ts' } as const;
/** A port of this host; another run of the tests has another. */
const port = await freePort();
/** Milliseconds that a machine is stopped for. */
const pause = process.env.RUNTIMEJS_TEST_LONG === '1' ? 30_000 : 6_000;

interface Report {
  readings?: { calls: number; nanosecondsPerReading: number };
  threads?: { backwards: number; readings: number };
  maps?: string[];
  date?: { text: string; now: number };
}

const reportOf = (output: string): Report =>
  JSON.parse(/^\{.*\}\r?$/m.exec(output)?.[0] ?? '{}') as Report;

test.serial('reading a clock is no system call', async (t) => {
  const { output, code } = await bootApp(app, { append: '-- readings maps' });
  t.is(code, 0, output);
  const { readings, maps } = reportOf(output);
  t.log(JSON.stringify(readings));
  t.is(readings?.calls, 0, output);
  // The kernel interface, the clocks, the code that reads them.
  t.is(maps?.length, 3, output);
  t.regex(maps?.[0] ?? '', / r--p .*\[vvar\]$/);
  t.regex(maps?.[1] ?? '', / r--p .*\[vvar\]$/);
  t.regex(maps?.[2] ?? '', / r-xp .*\[vdso\]$/);
});

test.serial('the vDSO is somewhere else at each boot', async (t) => {
  const places = new Set<string>();
  for (let boot = 0; boot < 2; boot++) {
    const { output } = await bootApp(app, { append: '-- maps' });
    places.add(reportOf(output).maps?.at(-1)?.split('-')[0] ?? output);
  }
  t.is(places.size, 2);
});

for (const processors of [2, 4]) {
  test.serial(`time never goes back between ${processors} CPUs`, async (t) => {
    const { output, code } = await bootApp(app, {
      processors,
      append: `-- threads=${processors} readings`,
    });
    t.is(code, 0, output);
    const { threads, readings } = reportOf(output);
    t.true(threads!.readings > 1000, output);
    t.is(threads?.backwards, 0);
    t.is(readings?.calls, 0);
  });
}

for (const clock of ['hpet', 'acpi_pm', 'tsc', 'kvm-clock']) {
  test.serial(`clock=${clock}`, async (t) => {
    const { output, code } = await bootApp(app, {
      processors: 2,
      append: `log=info clock=${clock} -- threads=2 date`,
    });
    t.is(code, 0, output);
    const { threads, date } = reportOf(output);
    t.true(threads!.readings > 100, output);
    t.is(threads?.backwards, 0);
    // There is no KVM for sure only under the translator: then the time-stamp counter is next.
    const expected = clock === 'kvm-clock' ? /kvm-clock|tsc/ : new RegExp(clock);
    t.regex(/clocks run from (\S+),/.exec(output)?.[1] ?? output, expected);
    t.true(Math.abs(date!.now - Date.now()) < 60_000, 'the date is the host’s');
  });
}

for (const [clock, what, processors, ticks, said] of [
  ['hpet', 'stopped', 1, 60, /the clock stands still: the clocks run from acpi_pm from now on/],
  ['hpet', 'backward', 2, 60, /the clock stands still: the clocks run from acpi_pm from now on/],
  ['tsc', 'stopped', 2, 150, /the HPET stands still: the clocks are not compared with it any more/],
  ['tsc', 'backward', 1, 60, undefined],
] as const) {
  test.serial(
    `provoke=${what}-clock while the clocks run from ${clock}: time goes on`,
    async (t) => {
      // What is provoked some seconds after the boot lets timers of the app wait until it is noticed.
      const { output, code } = await bootApp(app, {
        processors,
        append: `log=info clock=${clock} provoke=${what}-clock -- ticks=${ticks} date`,
      });
      t.is(code, 0, output);
      if (said) t.regex(output, said);
      else t.notRegex(output, /stands still|does not keep time|from now on/);
      const times = [...output.matchAll(/"monotonic":(\d+)/g)].map(([, time]) => Number(time));
      t.is(times.length, ticks);
      t.deepEqual(
        times,
        times.toSorted((x, y) => x - y),
      );
      t.true(Math.abs(reportOf(output).date!.now - Date.now()) < 60_000, 'the date is the host’s');
    },
  );
}

test.serial('a clock that there is not is refused with the names that there are', async (t) => {
  const { output, code } = await bootApp(app, { append: 'clock=sundial' });
  t.is(code, 1);
  t.regex(output, /"clock=sundial" is not a clock; use kvm-clock, tsc, hpet or acpi_pm/);
});

test.serial('TZ says where the app is', async (t) => {
  const { output } = await bootApp(app, { append: 'env.TZ=Europe/Berlin -- date' });
  t.regex(reportOf(output).date?.text ?? output, /^Sun Jun 15 2025 17:06:40 GMT\+0200 /);
});

test.serial(
  'after a pause the wall clock is right, and timers and connections go on',
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'clocks-'));
    const monitor = new Monitor(folder, 'monitor');
    /** By how much this host's clock was ahead when a tick arrived: never less than the guest's is wrong. */
    const behind: number[] = [];
    const machine = await startMachine({
      initrd: await guestInitrd(app.name, app.entry),
      append: 'log=info -- echo ticks=330',
      network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 7 }] },
      extraArguments: monitor.arguments,
      timeoutMilliseconds: 300_000,
      onOutput: (text) => {
        for (const [, wall] of text.matchAll(/"wall":(\d+),/g))
          behind.push(Date.now() - Number(wall));
      },
    });
    await printed(machine, /echoes/);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const echo = async (word: string): Promise<string> => {
      socket.write(word);
      const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(120_000) })) as [
        Buffer,
      ];
      return answer.toString();
    };
    t.is(await echo('before'), 'before');
    await printed(machine, /tick 120 /);
    await monitor.run('stop');
    const during = echo('during');
    await sleep(pause);
    await monitor.run('cont');
    t.is(await during, 'during');
    t.is(await echo('after'), 'after');
    socket.end();
    const { output, code } = await machine.end;
    monitor.close();
    rmSync(folder, { recursive: true });
    t.is(code, 0, output);
    t.is(output.match(/^tick /gm)?.length, 330, 'timers go on');
    t.regex(output, /the wall clock moves by \d+ ms/);
    // The console takes its time to reach this process on a busy machine, but not each time. QEMU's real-time
    // clock is late by the fraction of the second that this host's had when QEMU started.
    const before = Math.min(...behind.slice(70, 120));
    const after = Math.min(...behind.slice(-50));
    t.log(`behind this host's clock by ${before} ms before the pause, by ${after} ms after it`);
    t.true(Math.abs(after - before) < 100, `${behind.join(' ')}\n${output}`);
  },
);

test.serial('a time server corrects the clock, when the composition says so', async (t) => {
  const system = path.join(guestFolder, 'network-time-system.js');
  await bundleSystem(system, inRepository('test/guest/system/network-time.ts'));
  const ahead = 3_600_000n;
  const server = createSocket('udp4');
  let requests = 0;
  server.on('message', (request, from) => {
    requests++;
    const answer = Buffer.alloc(48);
    answer[0] = 0x24;
    answer[1] = 1;
    request.copy(answer, 24, 40, 48);
    const now = nanosecondsToTimestamp((BigInt(Date.now()) + ahead) * 1_000_000n);
    answer.writeBigUInt64BE(now, 32);
    answer.writeBigUInt64BE(now, 40);
    server.send(answer, from.port, from.address);
  });
  server.bind(21_123, '127.0.0.1');
  await once(server, 'listening');
  const { output, code } = await bootApp(
    { ...app, name: 'clocks-network', system },
    { append: 'log=info -- wait=8000 date', network: {} },
  );
  server.close();
  t.is(code, 0, output);
  t.true(requests >= 1, output);
  const difference = reportOf(output).date!.now - Date.now() - Number(ahead);
  t.true(Math.abs(difference) < 10_000, `wrong by ${difference} ms\n${output}`);
  t.regex(output, /time: the clock was wrong by 3[56]\d+\.\d ms and has been set/);
});
