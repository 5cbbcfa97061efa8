// One life of the system isolate: a bare V8 isolate, its globals and its event loop.
#ifndef RUNTIME_SHIM_SYSTEM_ISOLATE_H
#define RUNTIME_SHIM_SYSTEM_ISOLATE_H

#include <node.h>
#include <v8.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "foreground_tasks.h"
#include "isolate_platform.h"
#include "shared_memory.h"
#include "system_globals.h"
#include "system_host.h"
#include "timers.h"

namespace runtime {

/** What the system isolate runs: files in memory, which outlive it. */
struct SystemBundle {
  /** The script, with its source map in a comment that is its last line. */
  std::string_view text;
  /**
   * V8's code cache for the script without that comment; empty for none. With a cache the script is
   * ASCII: V8 then leaves it where it is, and reads it only to compile what is not in the cache.
   */
  std::string_view cache;
};

/**
 * A bare isolate and the loop that runs it. Made, run and destroyed on one thread; Terminate() may
 * be called from any other in between.
 *
 * Each turn of the loop: V8's foreground tasks, the timers that are due, and the function that the
 * bundle has named (loop.onTurn), each followed by all microtasks; then, unless that function has
 * more to do, the thread waits in the kernel until the next deadline or an event.
 *
 * While the thread runs, service_awake in the shared page says so: the kernel rings no doorbell
 * then, because sockets that ask for attention are looked for before the thread waits.
 */
class SystemIsolate final : private SystemHost {
 public:
  /** What runs in it: services beside an app in Node, or a bare app with the services that it needs. */
  enum class Role { kSystem, kApp };
  /** How a life ended. */
  enum class End { kTerminated, kFailed };

  /** @returns nullptr when V8 could not make the isolate */
  static std::unique_ptr<SystemIsolate> Create(const RuntimeKernelInterface& kernel,
                                               node::MultiIsolatePlatform* platform,
                                               const node::EmbedderSnapshotData* snapshot,
                                               Role role = Role::kSystem);
  ~SystemIsolate();
  SystemIsolate(const SystemIsolate&) = delete;
  SystemIsolate& operator=(const SystemIsolate&) = delete;

  /**
   * Runs a bundle, then the event loop. A failure (an exception that escapes, a rejection without a
   * handler, an exhausted heap) is written to the kernel log.
   */
  End Run(const SystemBundle& bundle);

  /** Makes Run() return soon. */
  void Terminate();

  /** Has the function that the bundle has named (app.onShutDown) called soon, from any thread. */
  void RequestShutDown();

  /** What Run() ended with: the bundle's own code, 1 after a failure. */
  int exit_code() const { return exit_code_; }

  /**
   * Counts where the loop is: odd while it waits, even while it works. A number that stays even has not
   * come round.
   */
  uint64_t Beat() const { return beat_.load(std::memory_order_relaxed); }

  /** Makes what runs now fail, with a report of where it was, as an endless loop deserves. */
  void Interrupt();

 private:
  SystemIsolate(const RuntimeKernelInterface& kernel, node::MultiIsolatePlatform* platform,
                const node::EmbedderSnapshotData* snapshot, Role role);

  uint64_t StartedAt() const override { return started_at_; }
  v8::Local<v8::Value> SourceMap() const override;
  void OnTurn(v8::Local<v8::Function> turn) override { turn_.Reset(isolate_, turn); }
  void OnShutDown(v8::Local<v8::Function> shut_down) override {
    shut_down_.Reset(isolate_, shut_down);
  }
  void Exit(int32_t code) override;
  int32_t AttachBroker(RuntimeMemoryRange* into) override;
  v8::Local<v8::ArrayBuffer> Buffer(const RuntimeMemoryRange& memory) override;

  /** For the log. */
  const char* RoleName() const { return role_ == Role::kApp ? "app" : "system isolate"; }
  bool RunBundle(v8::Local<v8::Context> context, const SystemBundle& bundle);
  std::string_view TakeSourceMap(std::string_view text);
  bool RunTimers(v8::Local<v8::Context> context);
  bool RunMicrotasks();
  bool RunShutDown(v8::Local<v8::Context> context);
  bool RunTurn(v8::Local<v8::Context> context, uint64_t* deadline);
  void Wait(uint64_t deadline);
  RuntimeSharedPage* SharedPage() const;
  bool Fail(const v8::TryCatch& caught);
  void Report(const char* what, v8::Local<v8::Value> error, v8::Local<v8::Message> message);

  static void OnMessage(v8::Local<v8::Message> message, v8::Local<v8::Value> error);
  static void OnPromiseReject(v8::PromiseRejectMessage message);
  static void OnInterrupt(v8::Isolate* isolate, void* self);
  static void OnCollected(v8::Isolate* isolate, v8::GCType type, v8::GCCallbackFlags flags,
                          void* self);
  static size_t OnNearHeapLimit(void* self, size_t current_limit, size_t initial_limit);

  const uint64_t started_at_;
  const Role role_;
  node::MultiIsolatePlatform* const platform_;
  const std::shared_ptr<node::ArrayBufferAllocator> allocator_;
  const std::shared_ptr<ForegroundTasks> tasks_;
  ForegroundDelegate delegate_;
  Timers timers_;
  TimerHost timer_host_;
  v8::Isolate* const isolate_;
  // The `data:` URL of the bundle's source map, in the bundle; made a string when somebody asks.
  std::string_view source_map_;
  v8::Global<v8::Function> turn_;
  v8::Global<v8::Function> shut_down_;
  std::map<uint64_t, v8::Global<v8::ArrayBuffer>> buffers_;  // by address
  // Promises rejected without a handler since microtasks last ran dry.
  std::vector<std::pair<v8::Global<v8::Promise>, v8::Global<v8::Value>>> rejections_;
  // The error that Interrupt() made where the script was.
  v8::Global<v8::Value> interrupted_;
  std::atomic<uint64_t> beat_ = 0;
  bool failed_ = false;
  int exit_code_ = 1;
  std::atomic<bool> shut_down_wanted_ = false;
  size_t most_heap_bytes_ = 0;
  bool heap_exhausted_ = false;
  int heap_reserves_used_ = 0;
  std::atomic<bool> terminating_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_SYSTEM_ISOLATE_H
