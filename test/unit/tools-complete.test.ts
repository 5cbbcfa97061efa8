// Completion in bash, as somebody sees it who presses Tab.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { onTerminal } from './support/pseudo-terminal.ts';
import { temporaryFolder } from './tools-fixtures.ts';

const command = inRepository('lib/cli/bin/runtime');
const enter = '\r';
const tab = '\t';
/** Ctrl-U, which empties the line. */
const clearLine = '\x15';
const prompt = 'ready> ';

/** How each shell is started with our completion and nothing of the user's. */
const shells: Readonly<Record<string, { start: string; run: (startFile: string) => string }>> = {
  bash: {
    start: `eval "$('${command}' complete bash)"\nPS1='${prompt}'\n`,
    run: (file) => `exec bash --noprofile --rcfile '${file}' -i`,
  },
  zsh: {
    start: `autoload -Uz compinit\ncompinit -D\neval "$('${command}' complete zsh)"\nPS1='${prompt}'\n`,
    run: (file) => `ZDOTDIR='${path.dirname(file)}' exec zsh -d -i`,
  },
  fish: {
    start: `'${command}' complete fish | source\nfunction fish_prompt; echo -n '${prompt}'; end\n`,
    run: (file) => `exec fish --private --no-config -i -C 'source "${file}"'`,
  },
};

for (const [shell, { start, run }] of Object.entries(shells)) {
  test.serial(`${shell} completes commands, options, their values, and targets`, async (t) => {
    const project = await temporaryFolder(t);
    await mkdir(path.join(project, 'node_modules/.bin'), { recursive: true });
    await symlink(command, path.join(project, 'node_modules/.bin/runtime'));
    await mkdir(path.join(project, 'src'));
    await writeFile(path.join(project, 'src/capture.pcap'), '');
    const startFile = path.join(project, '.zshrc');
    await writeFile(startFile, start);
    const cwd = path.join(project, 'src');
    const program = { command: run(startFile), cwd, environment: { HISTFILE: '/dev/null' } };
    // What is typed, and what Tab makes of it.
    const completions = [
      ['runtime sta', 'runtime start '],
      ['runtime start --mem', 'runtime start --memory '],
      ['runtime build --format vm', 'runtime build --format vmdk '],
      ['runtime deploy kube', 'runtime deploy kubevirt '],
      ...(shell === 'bash'
        ? [['runtime start --pcap cap', 'runtime start --pcap capture.pcap ']]
        : []),
    ] as [string, string][];
    let shownBefore = prompt;
    const presses = completions.map(([typed, completed]): [string, string] => {
      const press: [string, string] = [shownBefore, `${clearLine}${typed}${tab}`];
      shownBefore = completed;
      return press;
    });
    const { code, shown } = await onTerminal(t, program, [
      ...presses,
      [shownBefore, `${clearLine}exit 7${enter}`],
    ]);
    t.is(code, 7, shown);
  });
}
