#include "compilers.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <uv.h>

#include <cstdlib>
#include <string>

#include "file.h"
#include "freezing.h"

namespace runtime {
namespace {

constexpr char kThreadName[] = "node-V8Worker\n";
constexpr int kLeast = 19;
constexpr int kOrdinary = 0;
constexpr timespec kFirstMoments = {2, 0};

void SetPriority(int nice) {
  DIR* const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return;
  while (const dirent* const task = readdir(tasks)) {
    const std::string id = task->d_name;
    if (ReadFile(("/proc/self/task/" + id + "/comm").c_str()) != kThreadName) continue;
    setpriority(PRIO_PROCESS, static_cast<id_t>(std::atoi(id.c_str())), nice);
  }
  closedir(tasks);
}

void RestorePriority(void* kernel) {
  SleepUntilResumed(*static_cast<const RuntimeKernelInterface*>(kernel));
  nanosleep(&kFirstMoments, nullptr);
  SetPriority(kOrdinary);
}

}  // namespace

void LetCompilersWait() { SetPriority(kLeast); }

void LetCompilersRunSoon(const RuntimeKernelInterface& kernel) {
  uv_thread_t thread;
  // Nobody waits for it: it ends by itself, or with the process.
  void* const argument = const_cast<RuntimeKernelInterface*>(&kernel);
  if (uv_thread_create(&thread, RestorePriority, argument) != 0) {
    SetPriority(kOrdinary);
    return;
  }
  uv_thread_detach(&thread);
}

}  // namespace runtime
