// create-runtime-app at a terminal: it asks for what the command line leaves open, and nothing else.
import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { onTerminal } from './support/pseudo-terminal.ts';
import { temporaryFolder } from './tools-fixtures.ts';

const creator = `'${process.execPath}' '${inRepository('lib/create-runtime-app/bin/create-runtime-app.mjs')}'`;
const enter = '\r';
const down = '\x1b[B';
const controlC = '\x03';
/** As npm tells which package manager it is. */
const environment = { npm_config_user_agent: 'npm/11.0.0 node/v26.10.0' };

test('it asks for folder, template, package manager, repository and installation', async (t) => {
  const cwd = await temporaryFolder(t);
  const { code, shown } = await onTerminal(t, { command: creator, cwd, environment }, [
    ['Its folder?', `My Shop${enter}`],
    ['What does it start from?', `${down}${down}${enter}`],
    ['Which package manager?', `${down}${enter}`],
    ['Make a git repository?', enter],
    ['Install its packages now?', `n`],
  ]);
  t.is(code, 0, shown);
  t.regex(
    shown,
    /my-shop is in My Shop\. Next:\n\n {2}cd "My Shop"\n {2}pnpm install\n {2}pnpm dev/,
  );
  const folder = path.join(cwd, 'My Shop');
  const { name, dependencies } = JSON.parse(
    await readFile(path.join(folder, 'package.json'), 'utf8'),
  );
  t.is(name, 'my-shop');
  t.truthy(dependencies.hono, 'the third template');
  await access(path.join(folder, '.git'));
});

test('Enter takes what is proposed', async (t) => {
  const cwd = await temporaryFolder(t);
  const { code, shown } = await onTerminal(t, { command: creator, cwd, environment }, [
    ['Its folder?', enter],
    ['What does it start from?', enter],
    ['Which package manager?', enter],
    ['Make a git repository?', 'n'],
    ['Install its packages now?', 'n'],
  ]);
  t.is(code, 0, shown);
  t.regex(shown, /cd my-app\n {2}npm install\n {2}npm run dev/);
  const folder = path.join(cwd, 'my-app');
  t.deepEqual((await readdir(folder)).sort(), [
    ...['.gitignore', 'README.md', 'package.json', 'runtime.config.ts', 'src', 'test'],
    'tsconfig.json',
  ]);
});

test('what the command line says is not asked for', async (t) => {
  const cwd = await temporaryFolder(t);
  const command = `${creator} shop --template worker --no-git --no-install`;
  const { code, shown } = await onTerminal(t, { command, cwd, environment }, [
    ['Which package manager?', enter],
  ]);
  t.is(code, 0, shown);
  t.notRegex(shown, /Its folder|start from|git repository|Install its/);
  await access(path.join(cwd, 'shop/src/main.ts'));
});

test('Ctrl-C writes nothing, and a folder that is not empty is told before more is asked', async (t) => {
  const cwd = await temporaryFolder(t);
  const cancelled = await onTerminal(t, { command: creator, cwd, environment }, [
    ['Its folder?', `shop${enter}`],
    ['What does it start from?', controlC],
  ]);
  t.is(cancelled.code, 1, cancelled.shown);
  t.regex(cancelled.shown, /Cancelled\. Nothing was written\./);
  t.deepEqual(await readdir(cwd), []);
  const full = inRepository('lib/create-runtime-app');
  const refused = await onTerminal(t, { command: creator, cwd: path.dirname(full), environment }, [
    ['Its folder?', `create-runtime-app${enter}`],
    ['is not empty', controlC],
  ]);
  t.regex(refused.shown, /create-runtime-app is not empty: it holds /);
  t.notRegex(refused.shown, /start from/);
});
