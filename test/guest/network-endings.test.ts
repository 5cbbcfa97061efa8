// Connections at both ends of an app's life: before it listens, while it computes, and when it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { execa } from 'execa';
import { nodeBinary } from '../../lib/cli/src/paths.ts';
import { Namespace, site, whyNoNamespace } from './support/namespace.ts';
import { Guest, onLinux, TaskHost } from './support/network.ts';
import { testWhenPossible } from './support/skip.ts';

const test = testWhenPossible(
  anyTest,
  onLinux ? 'it is about the end of our own machine' : whyNoNamespace(),
);

const port = 8080;

for (const [ending, code] of [
  ['exit', 0],
  ['signal', 143],
] as const) {
  test.serial(`early connections, a busy app, and an end by ${ending}`, async (t) => {
    const namespace = await Namespace.create();
    t.teardown(() => namespace.remove());
    await namespace.startNameAndAddressServer();
    const machine = await Guest.start({
      name: `network-ending-${ending}`,
      entry: 'network/endings.ts',
      ready: /before listening/,
      network: { tap: site.tap, mac: site.mac },
      launcher: namespace.launcher,
    });
    t.teardown(() => machine.machine.kill());
    const guest = new TaskHost(site.guest, port, namespace.launcher);
    const [program = '', ...words] = namespace.launcher;
    const curl = (...parameters: string[]) => {
      const all = [...words, 'curl', '--silent', '--show-error', '--max-time', '60', ...parameters];
      return execa(program, all, { reject: false, stdin: 'ignore', stripFinalNewline: false });
    };

    // Refused, or unreachable while it has no address: never accepted and then dropped.
    let refused = 0;
    for (;;) {
      const { exitCode, stdout } = await curl('--retry', '0', guest.url('http', 'http', '/early'));
      if (exitCode === 0) {
        t.is(stdout, '/early\n');
        break;
      }
      t.is(exitCode, 7, 'curl: failed to connect');
      refused++;
    }
    t.log(`${refused} early connections`);
    await machine.waitForOutput(/^listening/m);

    // Many at once, beside a thread that never pauses.
    const many = Array.from({ length: 40 }, (_, index) => `/${index}`);
    const urls = many.map((pathname) => guest.url('http', 'http', pathname));
    const { stdout } = await curl('--parallel', '--parallel-immediate', ...urls);
    t.deepEqual(stdout.trim().split('\n').sort(), [...many].sort());

    const idle = namespace.start([
      ...[nodeBinary, '-e', `require('net').connect(${port}, '${site.guest}').resume()`],
    ]);
    const peers = ['-tnH', 'state', 'established', 'dst', site.guest];
    while ((await namespace.run('ss', peers)).trim() === '') await sleep(50);
    const last = await curl(guest.url('http', 'http', `/${ending}`));
    t.is(last.exitCode, 0, last.stderr);
    t.is(last.stdout.length, 30_000);
    // The end of an idle connection has been sent, too.
    while ((await namespace.run('ss', peers)).trim() !== '') await sleep(50);
    await idle.stop();
    const result = await machine.machine.end;
    t.is(result.code, code);
    await machine.expectCleanCapture(t);
  });
}
