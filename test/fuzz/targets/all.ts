/** All fuzzers. */
import type { FuzzTarget } from '../support/target.ts';
import { configurationTarget } from './configuration.ts';
import { httpTarget } from './http.ts';
import { parsersTarget } from './parsers.ts';
import { placementTarget } from './placement.ts';
import { rpcTarget } from './rpc.ts';
import { socketsTarget } from './sockets.ts';
import { stackTarget } from './stack.ts';
import { tcpStatesTarget } from './tcp-states.ts';

export const targets: readonly FuzzTarget[] = [
  parsersTarget,
  stackTarget,
  tcpStatesTarget,
  configurationTarget,
  socketsTarget,
  httpTarget,
  placementTarget,
  rpcTarget,
];
