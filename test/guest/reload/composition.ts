// A composition of which the test makes several versions, by replacing text.
import { system } from '@runtimejs/system/compose.ts';
import { network } from '@runtimejs/system/network.ts';
import { automatic } from '@runtimejs/system/network-automatic.ts';
import { reloadControl } from '@runtimejs/system/reload/control.ts';
import type { State } from '@runtimejs/system/reload/types.ts';
import { terminal } from '@runtimejs/system/terminal.ts';
import * as uart from '@runtimejs/uart/driver.ts';
import * as virtioNet from '@runtimejs/virtio-net/own.ts';

const version = 'version 0';
let lives = 1;

system({
  services: [
    network({
      drivers: [virtioNet],
      configuration: [automatic()],
      control: reloadControl(),
    }),
    terminal({ drivers: [uart] }),
    {
      name: 'lives',
      start: () => () => Number.POSITIVE_INFINITY,
      handOver: (): State | Promise<State> => lives,
      takeOver: (state: State): void => {
        lives = Number(state) + 1;
        console.log(`lives: ${version} is number ${lives}`);
      },
    },
  ],
});
