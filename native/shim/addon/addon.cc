// kernel.node: the way from the app's Node isolates to the kernel. @runtimejs/kernel (lib/kernel)
// wraps it.
#include <napi.h>
#include <sys/auxv.h>

#include "arguments.h"
#include "kernel_interface.h"

namespace {

// The kernel, unless there is none or it speaks another version (then the shim has refused to start
// already).
const RuntimeKernelInterface* FindKernel() {
  const auto* const kernel =
      reinterpret_cast<const RuntimeKernelInterface*>(getauxval(RUNTIME_AUXV_KERNEL_INTERFACE));
  if (kernel == nullptr || kernel->version != RUNTIME_KERNEL_INTERFACE_VERSION ||
      kernel->size < sizeof(*kernel)) {
    return nullptr;
  }
  return kernel;
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  runtime::InstallAddonBindings(env, exports, FindKernel());
  return exports;
}

}  // namespace

NODE_API_MODULE(kernel, Initialize)
