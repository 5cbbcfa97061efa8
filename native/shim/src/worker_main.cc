// A bare app runs in one isolate with drivers, network stack and HTTP server, on the main thread. Of Node only
// what V8 needs is set up: its flags and its platform. There is no environment, no libuv loop, no OpenSSL; and the
// isolates come from V8's own snapshot: Node's holds what nobody uses here, and takes twice as long.

#include "worker_main.h"

#include <node.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "compilers.h"
#include "freezing.h"
#include "generators.h"
#include "helping_platform.h"
#include "isolates/script_file.h"
#include "kernel.h"
#include "memory_watch.h"
#include "system_isolate.h"

namespace runtime {
namespace {

constexpr int kFailure = 1;
// Threads that collect garbage and compile beside the app.
constexpr int kMostWorkerThreads = 4;
constexpr size_t kSignalStackBytes = 64 * 1024;

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Waits for the signals that ask the app to end.
void* AwaitEnd(void* isolate) {
  pthread_setname_np(pthread_self(), "signals");
  const sigset_t signals = EndSignals();
  for (;;) {
    int number = 0;
    if (sigwait(&signals, &number) == 0) static_cast<SystemIsolate*>(isolate)->RequestShutDown();
  }
}

bool StartSignalThread(SystemIsolate* isolate) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kSignalStackBytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int error = pthread_create(&thread, &attributes, AwaitEnd, isolate);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

int WorkerThreads() {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return static_cast<int>(std::clamp(processors - 1, 1L, static_cast<long>(kMostWorkerThreads)));
}

}  // namespace

bool HasWorker() { return FindKernel() != nullptr && access(kWorkerBundlePath, F_OK) == 0; }

int RunWorker() {
  const RuntimeKernelInterface& kernel = *FindKernel();
  const std::shared_ptr<const ScriptFile> script = ScriptFile::Open(kWorkerBundlePath);
  if (script == nullptr) {
    Log(kernel, RUNTIME_LOG_ERROR,
        std::string("app: ") + kWorkerBundlePath + " cannot be read: " + std::strerror(errno));
    return kFailure;
  }
  // Before there are threads: theirs is a copy of this one's mask.
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  // V8's flags as Node has them: a code cache is refused when one differs.
  using Flags = node::ProcessInitializationFlags::Flags;
  const std::shared_ptr<node::InitializationResult> init = node::InitializeOncePerProcess(
      {"app"},
      {Flags::kDisableNodeOptionsEnv, Flags::kNoStdioInitialization,
       Flags::kNoDefaultSignalHandling, Flags::kNoInitOpenSSL, Flags::kNoParseGlobalDebugVariables,
       Flags::kNoAdjustResourceLimits, Flags::kNoUseLargePages, Flags::kNoInitializeNodeV8Platform,
       Flags::kNoInitializeV8});
  for (const std::string& error : init->errors()) Log(kernel, RUNTIME_LOG_ERROR, "app: " + error);
  if (init->early_return()) return init->exit_code();
  auto* const platform =
      new HelpingPlatform(node::MultiIsolatePlatform::Create(WorkerThreads()).release());
  v8::V8::InitializePlatform(platform);
  v8::V8::Initialize();
  LetCompilersWait();
  LetCompilersRunSoon(kernel);
  WatchMemory(kernel);
  if (IsToBeFrozen(kernel)) WatchGenerators();
  // All is left as it is at the end: the platform's threads may still be at work.
  constexpr const node::EmbedderSnapshotData* kSnapshotOfV8 = nullptr;
  SystemIsolate* const isolate =
      SystemIsolate::Create(kernel, platform, kSnapshotOfV8, SystemIsolate::Role::kApp).release();
  if (isolate == nullptr) {
    Log(kernel, RUNTIME_LOG_ERROR, "app: V8 could not make its isolate: out of memory");
    _exit(kFailure);
  }
  if (!StartSignalThread(isolate)) {
    Log(kernel, RUNTIME_LOG_WARN,
        "app: SIGTERM will end it at once: there is no memory for a thread");
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
  isolate->Run(*script);
  std::fflush(nullptr);
  _exit(isolate->exit_code());
}

}  // namespace runtime
