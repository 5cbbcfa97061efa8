/** Commands about the shell itself: help cd pwd echo env export unset history clear exit true false sleep node. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { runInThisContext } from 'node:vm';
import { type Command, InterruptedProblem, readOptions, table, UsageProblem } from '../command.ts';

const help: Command = {
  name: 'help',
  summary: 'lists the commands, or tells how one is used',
  usage: '[COMMAND]',
  async run(context, [name]) {
    const { commands } = context.shell;
    if (name !== undefined) {
      const command = commands.get(name);
      if (command === undefined) throw new UsageProblem(`there is no command ${name}`);
      await context.print(`${command.name} ${command.usage}`.trimEnd());
      await context.print(`\n  ${command.summary}\n`);
      return 0;
    }
    const rows = [...commands.values()].map(({ name, summary }) => [name, summary]);
    await context.print(table(rows));
    await context.print(
      'Lines have pipes (|), redirections (< > >> 2> 2>&1), lists (; && ||), quotes, $VARIABLES and patterns (* ? []).\n',
    );
    return 0;
  },
};

const cd: Command = {
  name: 'cd',
  summary: 'changes the working directory',
  usage: '[DIRECTORY]',
  async run(context, [directory]) {
    const { shell } = context;
    const target =
      directory === '-'
        ? shell.variables.get('OLDPWD')
        : (directory ?? shell.variables.get('HOME'));
    const to = path.resolve(shell.directory, target ?? '/');
    if (!(await stat(to)).isDirectory()) throw new Error(`${to}: it is no directory`);
    shell.variables.set('OLDPWD', shell.directory);
    shell.variables.set('PWD', to);
    shell.directory = to;
    return 0;
  },
};

const pwd: Command = {
  name: 'pwd',
  summary: 'shows the working directory',
  usage: '',
  async run(context) {
    await context.print(`${context.shell.directory}\n`);
    return 0;
  },
};

const echo: Command = {
  name: 'echo',
  summary: 'shows its arguments',
  usage: '[-n] [WORD...]',
  async run(context, parameters) {
    const isBare = parameters[0] === '-n';
    await context.print(
      (isBare ? parameters.slice(1) : parameters).join(' ') + (isBare ? '' : '\n'),
    );
    return 0;
  },
};

const env: Command = {
  name: 'env',
  summary: 'shows the variables',
  usage: '',
  async run(context) {
    const lines = [...context.shell.variables].sort().map(([name, value]) => `${name}=${value}\n`);
    await context.print(lines.join(''));
    return 0;
  },
};

const exportVariables: Command = {
  name: 'export',
  summary: "sets variables, in the app's environment too",
  usage: 'NAME=VALUE...',
  async run(context, parameters) {
    for (const parameter of parameters) {
      const [, name, , value] = /^([A-Za-z_]\w*)(=(.*))?$/s.exec(parameter) ?? [];
      if (name === undefined) throw new UsageProblem(`${parameter} is not of the form NAME=VALUE`);
      if (value !== undefined) context.shell.variables.set(name, value);
      process.env[name] = context.shell.variables.get(name) ?? '';
    }
    return 0;
  },
};

const unset: Command = {
  name: 'unset',
  summary: 'forgets variables',
  usage: 'NAME...',
  async run(context, parameters) {
    for (const name of parameters) context.shell.variables.delete(name);
    return 0;
  },
};

const history: Command = {
  name: 'history',
  summary: 'lists the lines that were typed',
  usage: '',
  async run(context) {
    const rows = context.shell.history.map((line, at) => [String(at + 1), line]);
    await context.print(table(rows, [0]));
    return 0;
  },
};

const clear: Command = {
  name: 'clear',
  summary: 'clears the screen',
  usage: '',
  async run(context) {
    await context.print('\x1b[H\x1b[2J\x1b[3J');
    return 0;
  },
};

const exit: Command = {
  name: 'exit',
  summary: 'leaves the shell; the app runs on',
  usage: '[CODE]',
  async run(context, [code]) {
    const status = code === undefined ? 0 : Number(code);
    if (!Number.isInteger(status)) throw new UsageProblem(`${code} is no exit code`);
    context.shell.exitCode = status & 0xff;
    return status & 0xff;
  },
};

const wait: Command = {
  name: 'sleep',
  summary: 'waits',
  usage: 'SECONDS',
  async run(context, [text]) {
    const seconds = Number(text);
    if (text === undefined || !(seconds >= 0 && seconds <= 2 ** 31 / 1000)) {
      throw new UsageProblem(`${text ?? 'nothing'} is no number of seconds`);
    }
    await sleep(1000 * seconds, undefined, { signal: context.signal }).catch(() => {
      throw new InterruptedProblem();
    });
    return 0;
  },
};

const succeed: Command = {
  name: 'true',
  summary: 'does nothing, successfully',
  usage: '',
  run: async () => 0,
};

const fail: Command = {
  name: 'false',
  summary: 'does nothing, unsuccessfully',
  usage: '',
  run: async () => 1,
};

const node: Command = {
  name: 'node',
  summary: "Node's REPL in the app's own isolate; or runs code or a module",
  usage: '[-e CODE | -p CODE | FILE]',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      eval: { type: 'string', short: 'e' },
      print: { type: 'string', short: 'p' },
    });
    const code = values.print ?? values.eval;
    if (code !== undefined) {
      const value: unknown = await runInThisContext(code, { filename: '[shell]' });
      if (values.print !== undefined) {
        await context.print(`${typeof value === 'string' ? value : inspect(value)}\n`);
      }
      return 0;
    }
    const [file] = positionals;
    if (file !== undefined) {
      await import(pathToFileURL(context.resolve(file)).href);
      return 0;
    }
    if (context.terminal === undefined) throw new UsageProblem('the REPL needs a terminal');
    await context.terminal.takeOver(async (input, output) => {
      const { start } = await import('node:repl');
      const repl = start({ input, output, terminal: true, useGlobal: true });
      await new Promise((resolve) => repl.once('exit', resolve));
    });
    return 0;
  },
};

export const builtinCommands: readonly Command[] = [
  help,
  cd,
  pwd,
  echo,
  env,
  exportVariables,
  unset,
  history,
  clear,
  wait,
  succeed,
  fail,
  node,
  exit,
];
