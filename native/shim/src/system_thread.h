// The thread of the system isolate.
#ifndef RUNTIME_SHIM_SYSTEM_THREAD_H
#define RUNTIME_SHIM_SYSTEM_THREAD_H

#include <node.h>
#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "isolates/callers.h"
#include "kernel_interface.h"
#include "system_isolate.h"

namespace runtime {

/**
 * Runs the system isolate on a thread of its own, and anew when it fails: after 1 s, 2 s, 4 s, up to
 * 30 s. A turn of its loop that does not end within 20 s or so is a failure, too. When no life has lasted 10 s it gives up after five failures in a row. The app is not disturbed either way: after each life the
 * kernel stops the devices that it used and ends its connections.
 *
 * When it asks for that itself (reload.restart) it is started anew at once, with other code: a life on trial, until
 * it says that it works (reload.keep). When it fails before, or says nothing within 60 s, the code before is back.
 */
class SystemThread {
 public:
  /**
   * @param kernel the kernel underneath
   * @param platform Node's platform
   * @param snapshot the snapshot of the app's isolate; both must outlive this object
   * @returns nullptr when there is no system bundle, which the kernel is told
   */
  static std::unique_ptr<SystemThread> Create(const RuntimeKernelInterface& kernel,
                                              node::MultiIsolatePlatform* platform,
                                              const node::EmbedderSnapshotData* snapshot);
  ~SystemThread() { Stop(); }
  SystemThread(const SystemThread&) = delete;
  SystemThread& operator=(const SystemThread&) = delete;

  /**
   * Starts the thread; to be called once. A failure is logged, and the app runs on without. Until
   * AppHasStarted() the thread takes what CPU time the app's start leaves.
   */
  void Start();

  /** The app's main module is loaded: from now on the thread has the priority of all others. */
  void AppHasStarted();

  /** Where it meets threads of the app. */
  const std::shared_ptr<Callers>& callers() const { return callers_; }

  /** Ends the isolate and waits for its thread, after which nothing here touches V8. Idempotent. */
  void Stop();

 private:
  SystemThread(const RuntimeKernelInterface& kernel, node::MultiIsolatePlatform* platform,
               const node::EmbedderSnapshotData* snapshot)
      : kernel_(kernel), platform_(platform), snapshot_(snapshot) {}

  void Main();
  void Watch();
  void TakeBackSeat();
  SystemIsolate::End RunOnce(const ScriptFile& script, Inheritance* inheritance, bool* is_kept);
  void Sleep(uint64_t nanoseconds);

  const RuntimeKernelInterface& kernel_;
  node::MultiIsolatePlatform* const platform_;
  const node::EmbedderSnapshotData* const snapshot_;
  const std::shared_ptr<Callers> callers_ = std::make_shared<Callers>();
  pthread_t thread_ = {};
  std::thread watchdog_;
  std::atomic<pid_t> thread_id_ = 0;
  std::atomic<bool> app_has_started_ = false;
  bool started_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> trial_since_ = 0;  // monotonic nanoseconds; 0: the life is not on trial
  std::mutex mutex_;                       // guards current_: it must not go while it is used
  std::condition_variable stopped_;        // with mutex_: stopping_ was set
  SystemIsolate* current_ = nullptr;       // the isolate that runs now
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_SYSTEM_THREAD_H
