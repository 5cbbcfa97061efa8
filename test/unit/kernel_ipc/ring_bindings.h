// The byte ring of lib/ring.h as a class for tests.
#pragma once

#include <napi.h>

namespace kernel_ipc {

/// Adds the class `Ring` to `exports`.
void register_ring(Napi::Env env, Napi::Object exports);

}  // namespace kernel_ipc
