// How the shim takes over: it is preloaded (LD_PRELOAD, ld.so(8)) into the stock node executable,
// whose startup code calls __libc_start_main(main, ...). Ours comes first in symbol lookup and
// passes glibc's own a different main. Nothing in the executable is patched.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "node_main.h"
#include "worker_main.h"

namespace {

using Main = int (*)(int, char**, char**);
using LibcStartMain = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);

Main stock_main = nullptr;

// Takes the shim out of LD_PRELOAD, so that the app does not see it; other entries stay.
void LeavePreloadList() {
  Dl_info self;
  const char* list = std::getenv("LD_PRELOAD");
  if (list == nullptr || dladdr(reinterpret_cast<void*>(&LeavePreloadList), &self) == 0) return;
  const std::string_view own = self.dli_fname;
  std::string others;
  for (std::string_view rest = list; !rest.empty();) {
    const size_t end = rest.find_first_of(": ");
    const std::string_view entry = rest.substr(0, end);
    if (!entry.empty() && entry != own) {
      if (!others.empty()) others += ':';
      others += entry;
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (others.empty()) {
    unsetenv("LD_PRELOAD");
  } else {
    setenv("LD_PRELOAD", others.c_str(), 1);
  }
}

int ShimMain(int argc, char** argv, char** environment) {
  LeavePreloadList();
  if (runtime::HasWorker()) return runtime::RunWorker();
  if (runtime::NeedsStockMain(argc, argv)) return stock_main(argc, argv, environment);
  return runtime::RunNode(argc, argv);
}

}  // namespace

// The signature is glibc's (csu/libc-start.c, the Linux Standard Base documents it).
extern "C" __attribute__((visibility("default"))) int __libc_start_main(Main main, int argc,
                                                                        char** argv, void (*init)(),
                                                                        void (*fini)(),
                                                                        void (*rtld_fini)(),
                                                                        void* stack_end) {
  stock_main = main;
  const auto next = reinterpret_cast<LibcStartMain>(dlsym(RTLD_NEXT, "__libc_start_main"));
  if (next == nullptr) {
    std::fputs("The shim found no __libc_start_main in libc: the base is incomplete.\n", stderr);
    std::abort();
  }
  return next(&ShimMain, argc, argv, init, fini, rtld_fini, stack_end);
}
