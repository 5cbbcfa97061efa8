// Freezing the process of an app in Node.
#ifndef RUNTIME_SHIM_FREEZING_NODE_H
#define RUNTIME_SHIM_FREEZING_NODE_H

#include <node.h>
#include <v8.h>

#include "kernel.h"

namespace runtime {

/**
 * Does what every app's start does, freezes the process, and goes on when it was resumed. Ends the process when it
 * cannot be frozen. In the app's own environment, before anything of the app runs.
 * @param require Node's internal one
 */
void FreezeNode(const RuntimeKernelInterface& kernel, node::Environment* environment,
                v8::Local<v8::Value> process, v8::Local<v8::Value> require);

}  // namespace runtime

#endif  // RUNTIME_SHIM_FREEZING_NODE_H
