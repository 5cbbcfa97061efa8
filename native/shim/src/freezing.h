// Freezing the process for a warm image, and what is different when it goes on: see native/kernel/warm.
#ifndef RUNTIME_SHIM_FREEZING_H
#define RUNTIME_SHIM_FREEZING_H

#include <v8.h>

#include <cstddef>

#include "kernel.h"

namespace runtime {

/** Whether this process is to be frozen before the app is loaded. */
inline bool IsToBeFrozen(const RuntimeKernelInterface& kernel) {
  return kernel.process_origin() == RUNTIME_PROCESS_TO_BE_FROZEN;
}

/** Sleeps while this process is to be frozen: this also is where the thread is in the frozen state. */
void SleepUntilResumed(const RuntimeKernelInterface& kernel);

/** Has an isolate that is to be frozen collect its garbage; keeps what was compiled. From its thread. */
void CollectBeforeFreezing(v8::Isolate* isolate);
/** Announces a thread that calls WaitFrozen() later. Before it is started. */
void ExpectFrozenThread();
/** For such a thread: the place from which it goes on, once the process has been frozen and resumed. */
void WaitFrozen(const RuntimeKernelInterface& kernel);
/**
 * Waits until all threads that were announced are where they wait: flags of V8, which a code cache must agree with, are
 * changed after that only.
 * @returns false when they do not come, which the log says
 */
bool AwaitFrozenThreads(const RuntimeKernelInterface& kernel);
/**
 * Freezes the process once all threads that were announced are where they wait, and goes on when it was
 * resumed.
 * @returns false when it cannot be frozen, which the log says
 */
bool FreezeProcess(const RuntimeKernelInterface& kernel);

/** Gives the process the environment variables of this start of the machine, in place of those it was frozen with. */
void TakeVariables(v8::Isolate* isolate);
/** What V8 would choose on this machine as the limit of a heap, in bytes. */
size_t HeapLimitOfMachine(const RuntimeKernelInterface& kernel);

}  // namespace runtime

#endif  // RUNTIME_SHIM_FREEZING_H
