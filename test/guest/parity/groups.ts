import { compression } from './cases/compression.ts';
import { concurrency } from './cases/concurrency.ts';
import { cryptography } from './cases/cryptography.ts';
import { files } from './cases/files.ts';
import { filesAsync } from './cases/files-async.ts';
import { output } from './cases/output.ts';
import { packages } from './cases/packages.ts';
import { sockets } from './cases/sockets.ts';
import { sqlite } from './cases/sqlite.ts';
import { streams } from './cases/streams.ts';
import { system } from './cases/system.ts';
import { testRunner } from './cases/test-runner.ts';
import { textGroup } from './cases/text.ts';
import { timers } from './cases/timers.ts';
import { wasm } from './cases/wasm.ts';
import { workers } from './cases/workers.ts';
import type { Group } from './collector.ts';

/** Every group, in the order they run. */
export const groups: readonly Group[] = [
  timers,
  concurrency,
  files,
  filesAsync,
  streams,
  compression,
  cryptography,
  textGroup,
  workers,
  wasm,
  sqlite,
  sockets,
  testRunner,
  system,
  packages,
  output,
];
