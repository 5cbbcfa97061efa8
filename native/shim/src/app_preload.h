// The script that runs in each of the app's Node environments before the app.
#ifndef RUNTIME_SHIM_APP_PRELOAD_H
#define RUNTIME_SHIM_APP_PRELOAD_H

#include <node.h>

#include "kernel_interface.h"

namespace runtime {

/**
 * Reads kPreloadPath once and returns the callback that runs it with `process`, Node's internal
 * `require` and the machine's generation id, in the main environment and in every Worker. It leaves no trace in process.execArgv or
 * NODE_OPTIONS.
 * @returns an empty function when there is no such file
 */
node::EmbedderPreloadCallback AppPreload(const RuntimeKernelInterface& kernel);

}  // namespace runtime

#endif  // RUNTIME_SHIM_APP_PRELOAD_H
