#include "kernel.h"

#include <sys/auxv.h>

#include <cstdio>
#include <cstdlib>

namespace runtime {

const RuntimeKernelInterface* FindKernel() {
  const auto* kernel =
      reinterpret_cast<const RuntimeKernelInterface*>(getauxval(RUNTIME_AUXV_KERNEL_INTERFACE));
  if (kernel == nullptr) return nullptr;
  if (kernel->version != RUNTIME_KERNEL_INTERFACE_VERSION || kernel->size < sizeof(*kernel)) {
    std::fprintf(stderr,
                 "The kernel offers version %u of its interface (%u bytes), the shim needs version "
                 "%u (%zu bytes): the base and the kernel are from different builds. "
                 "Run `npm run build` to make both anew.\n",
                 kernel->version, kernel->size, RUNTIME_KERNEL_INTERFACE_VERSION, sizeof(*kernel));
    std::exit(1);
  }
  return kernel;
}

void Log(const RuntimeKernelInterface& kernel, uint32_t level, std::string_view text) {
  kernel.log(level, text.data(), text.size());
}

}  // namespace runtime
