// From nothing to a running machine, as a newcomer meets the project: every package is published to a registry
// on loopback, then each template is created, installed, checked, tested, built, booted, and answers.
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { findFreePort } from '../../lib/cli/src/network.ts';
import type { ImageReport } from '../../lib/image/src/report.ts';
import { type Newcomer, newcomer, stepLimit } from './support/newcomer.ts';

let someone: Newcomer;

test.before(async (t) => {
  t.timeout(stepLimit * 2);
  someone = await newcomer();
});

test.after.always(async () => {
  await someone?.leave();
});

/** What each template's server says at its root. */
const answers: Readonly<Record<string, RegExp>> = {
  http: /"hello":"world"/,
  fastify: /"hello":"world"/,
  hono: /"hello":"world"/,
  worker: /"hello":"world"/,
  driver: /edu0: 10! = 3628800/,
};

for (const [template, expected] of Object.entries(answers)) {
  test.serial(
    `${template}: created, installed, checked, tested, built, booted, answers`,
    async (t) => {
      t.timeout(stepLimit * 4);
      const name = `my-${template}`;
      const { folder, run } = someone;
      const npm = (...words: string[]) => run(path.join(folder, name), 'npm', ...words);

      const created = await run(
        folder,
        'npm',
        'create',
        '--yes',
        'runtime-app',
        name,
        '--',
        '--template',
        template,
        '--yes',
      );
      t.regex(created, /npm install/);
      await npm('install');
      await npm('run', 'check');
      t.regex(await npm('test'), /# fail 0/);
      t.regex(await npm('run', 'build'), /dist\/initrd/);
      const { size } = await stat(path.join(folder, name, 'dist/runtime'));
      t.true(size > 100 * 2 ** 20);
      if (template === 'http') {
        const words = ['--silent', 'build', '--', '--format', 'raw', '--json'];
        checkSize(t, await npm('run', ...words));
      }

      const port = await findFreePort(20_000 + (process.pid % 20_000));
      const words = ['start', '--port', `${port}:8080`];
      const machine = someone.start(path.join(folder, name), 'node_modules/.bin/runtime', ...words);
      let output = '';
      const note = (bytes: Buffer) => {
        output += bytes.toString();
      };
      machine.stdout?.on('data', note);
      machine.stderr?.on('data', note);
      try {
        t.regex(await answerOf(`http://127.0.0.1:${port}/`, () => output, machine), expected);
        machine.kill('SIGINT');
        const [exitCode] = await once(machine, 'exit');
        t.true(exitCode === 0 || exitCode === 130, `${exitCode}: ${output}`);
      } finally {
        // It takes its machine along, which SIGKILL would not let it do.
        if (machine.exitCode === null) machine.kill('SIGTERM');
      }
      const { dependencies = {}, devDependencies = {} } = JSON.parse(
        await readFile(path.join(folder, name, 'package.json'), 'utf8'),
      ) as Record<string, Record<string, string>>;
      for (const version of Object.values({ ...dependencies, ...devDependencies }))
        t.regex(version, /^\d/);
    },
  );
}

/** A disk image is less than 64 MiB, and the report says what fills it. */
function checkSize(t: ExecutionContext, text: string): void {
  const { images } = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    images: { format: string; size: number; content: ImageReport }[];
  };
  const [raw] = images;
  t.is(raw?.format, 'raw');
  t.true(raw !== undefined && raw.size < 64 * 2 ** 20, `${raw?.size} bytes`);
  const groups = Object.values(raw?.content.groups ?? {});
  const filled = groups.reduce((sum, { compressed }) => sum + compressed, 0);
  t.true(filled > 0.9 * (raw?.content.allocated ?? 0), `${filled} bytes of ${raw?.size}`);
}

/** Asks until there is an answer. */
async function answerOf(
  url: string,
  output: () => string,
  machine: { readonly exitCode: number | null },
): Promise<string> {
  for (const limit = performance.now() + stepLimit; performance.now() < limit; ) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok) return answer.text();
    if (machine.exitCode !== null) throw new Error(`The machine ended: ${output()}`);
    await sleep(200);
  }
  throw new Error(`No answer: ${output()}`);
}
