// The globals that a bare isolate gets besides ECMAScript's own.
#ifndef RUNTIME_SHIM_SYSTEM_GLOBALS_H
#define RUNTIME_SHIM_SYSTEM_GLOBALS_H

#include <v8-context.h>

#include "kernel_interface.h"
#include "timers.h"

namespace runtime {

/** What the timer functions of one isolate work on. */
struct TimerHost {
  const RuntimeKernelInterface& kernel;
  Timers& timers;
};

/**
 * Defines setTimeout, setInterval, clearTimeout, clearInterval and queueMicrotask. `host` must
 * outlive the isolate.
 * @returns false when V8 could not define one (out of memory)
 */
bool InstallSystemGlobals(v8::Local<v8::Context> context, TimerHost* host);

}  // namespace runtime

#endif  // RUNTIME_SHIM_SYSTEM_GLOBALS_H
