// Access to the kernel underneath: its interface, and the paths that it and the shim agree on.
#ifndef RUNTIME_SHIM_KERNEL_H
#define RUNTIME_SHIM_KERNEL_H

#include <cstdint>
#include <string_view>

#include "kernel_interface.h"

namespace runtime {

// Bundle of the system isolate, a classic script; it comes with the initrd and may be missing. What V8 made of it
// at build time (v8::ScriptCompiler::CachedData) is beside it, as for all scripts, with the suffix `.cache`.
inline constexpr char kSystemBundlePath[] = "/system/main.js";
// Bundle of a bare app with the services that it needs; Node is not started when it is there.
inline constexpr char kWorkerBundlePath[] = "/worker/main.js";
/** The app itself, where the bundle has only what it runs on: images for development. */
inline constexpr char kWorkerAppPath[] = "/worker/app.js";
// Script that runs in every Node environment of the app before the app does; part of the base.
inline constexpr char kPreloadPath[] = "/lib/runtime/preload.cjs";

/**
 * The kernel interface from the auxiliary vector (getauxval(3)), or nullptr when the process runs
 * on plain Linux. Ends the process with a sentence on stderr when the kernel speaks another version
 * of the interface.
 */
const RuntimeKernelInterface* FindKernel();

/** Writes one message to the kernel log; level is one of RUNTIME_LOG_*. */
void Log(const RuntimeKernelInterface& kernel, uint32_t level, std::string_view text);

}  // namespace runtime

#endif  // RUNTIME_SHIM_KERNEL_H
