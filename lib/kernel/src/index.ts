/**
 * The kernel underneath an app.
 *
 * ```ts
 * import { isRuntime, memory } from '@runtimejs/kernel';
 * if (isRuntime) console.log(`${memory().free} bytes free`);
 * ```
 *
 * On plain Linux every function throws an error with code `ERR_NOT_RUNTIME`; `isRuntime` tells
 * beforehand.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createKernel, type Kernel, NotRuntimeError } from './kernel.ts';
import { createNetwork, type Network } from './network.ts';
import { createTerminals, type Terminals } from './terminals.ts';

export type { CpuStatistics, MemoryStatistics } from './generated/kernel.d.ts';
export { type Kernel, type KernelLogText, type LogLevel, NotRuntimeError } from './kernel.ts';
export type { Network, NetworkStatistics } from './network.ts';
export type { Pinger, PingOptions, PingReply } from './ping.ts';
export type { TerminalStatistics, Terminals } from './terminals.ts';

/** Where the base has the addon. */
const addonPath = '/lib/runtime/kernel.node';

/** Whether the app runs on Runtime.JS; on plain Linux every function here throws. */
export const isRuntime: boolean = existsSync(addonPath);

const kernel: Kernel = createKernel(() => {
  if (!isRuntime) throw new NotRuntimeError();
  return createRequire(import.meta.url)(addonPath);
});

export const { memory, cpu, uptime, powerOff, reboot, log, readLog, createPinger } = kernel;

/** The network stack: `network.statistics()` tells what it counted. */
export const network: Network = createNetwork(() => {
  if (!isRuntime) throw new NotRuntimeError();
});

/** The terminals: `terminals.statistics()` tells what they counted. */
export const terminals: Terminals = createTerminals(() => {
  if (!isRuntime) throw new NotRuntimeError();
});
