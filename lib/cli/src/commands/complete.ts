// `runtime complete SHELL` prints what a shell needs to complete this command; the shell then asks
// `runtime complete -- WORDS` with each press of Tab.
import completion from '@bomb.sh/tab/commander';
import { targets } from '@runtimejs/deploy/targets.ts';
import type { Command } from 'commander';

/**
 * Adds the command.
 * @param program with all of its other commands
 */
export function register(program: Command): void {
  const root = completion(program);
  root.commands.get('deploy')?.argument('target', (complete) => {
    for (const { name, title } of targets) complete(name, title);
  });
  const setup = root.setup.bind(root);
  root.setup = (name, executable, shell) => {
    if (shell === 'bash') return console.log(projectCommand + bash);
    if (shell === 'zsh') console.log(projectCommand);
    if (shell === 'fish') console.log(projectCommandForFish);
    setup(name, executable, shell);
  };
  program.commands
    .find((command) => command.name() === 'complete')
    ?.description('print the code by which bash, zsh or fish completes this command')
    .addHelpText(
      'after',
      [
        '',
        'For the file that the shell reads at its start:',
        '  eval "$(npx runtime complete bash)"     ~/.bashrc',
        '  eval "$(npx runtime complete zsh)"      ~/.zshrc, after compinit',
        '  npx runtime complete fish | source      ~/.config/fish/config.fish',
      ].join('\n'),
    );
}

/** For those that have not installed the command: then it is that of the project around the current folder. */
const projectCommand = `
if ! command -v runtime > /dev/null 2>&1; then
  runtime() {
    local folder=$PWD
    until [ -x "$folder/node_modules/.bin/runtime" ]; do
      if [ -z "$folder" ]; then
        echo 'runtime: this folder is in no project that has @runtimejs/cli installed' >&2
        return 127
      fi
      folder=\${folder%/*}
    done
    "$folder/node_modules/.bin/runtime" "$@"
  }
fi
`;

const projectCommandForFish = `
if not command -q runtime
  function runtime
    set -l folder $PWD
    while not test -x "$folder/node_modules/.bin/runtime"
      if test -z "$folder"
        echo 'runtime: this folder is in no project that has @runtimejs/cli installed' >&2
        return 127
      end
      set folder (string replace -r '/[^/]*$' '' -- $folder)
    end
    "$folder/node_modules/.bin/runtime" $argv
  end
end
`;

/** The library's own needs the package bash-completion, and completes no names of files. */
const bash = `
__runtime_complete() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}") line value
  COMPREPLY=()
  while IFS= read -r line; do
    value=\${line%%$'\\t'*}
    # The last line is a colon and a number.
    [[ $line == :* ]] || COMPREPLY+=("$value")
  done < <(runtime complete -- "\${words[@]}" 2> /dev/null)
}
# Names of files where there is nothing else, such as after --pcap.
complete -o default -F __runtime_complete runtime
`;
