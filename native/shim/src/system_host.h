// What the generated bindings of a bare isolate call.
#ifndef RUNTIME_SHIM_SYSTEM_HOST_H
#define RUNTIME_SHIM_SYSTEM_HOST_H

#include <v8-local-handle.h>
#include <v8-object.h>

#include <cstdint>

#include "kernel_interface.h"

namespace runtime {

/** A bare isolate's host, as its bindings see it: the kernel, and what the host itself answers. */
class SystemHost {
 public:
  explicit SystemHost(const RuntimeKernelInterface& kernel) : kernel_(kernel) {}
  const RuntimeKernelInterface& kernel() const { return kernel_; }

  /** Monotonic nanoseconds at which this isolate began to be made. */
  virtual uint64_t StartedAt() const = 0;
  /** The bundle's inline source map as a `data:` URL, undefined when it has none. */
  virtual v8::Local<v8::Value> SourceMap() const = 0;

 protected:
  ~SystemHost() = default;

 private:
  const RuntimeKernelInterface& kernel_;
};

/**
 * Defines the binding groups that native/abi/bindings.abi.ts gives to bare isolates as properties
 * of `target`. Generated; `host` must outlive the isolate.
 * @returns false when V8 could not define one (out of memory)
 */
bool InstallSystemBindings(v8::Local<v8::Context> context, v8::Local<v8::Object> target,
                           SystemHost* host);

}  // namespace runtime

#endif  // RUNTIME_SHIM_SYSTEM_HOST_H
