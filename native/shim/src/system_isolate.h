// One life of a bare V8 isolate: its globals and its event loop.
#ifndef RUNTIME_SHIM_SYSTEM_ISOLATE_H
#define RUNTIME_SHIM_SYSTEM_ISOLATE_H

#include <node.h>
#include <setjmp.h>
#include <v8.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "foreground_tasks.h"
#include "isolate_platform.h"
#include "isolates/rate.h"
#include "isolates/script_file.h"
#include "isolates/spawned_isolate.h"
#include "memory_watch.h"
#include "shared_memory.h"
#include "system_globals.h"
#include "system_host.h"
#include "timers.h"

namespace runtime {

/**
 * A bare isolate and the loop that runs it. Made, run and destroyed on one thread; Terminate() may
 * be called from any other in between.
 *
 * Each turn of the loop: V8's foreground tasks, the timers that are due, and the function that the
 * bundle has named (loop.onTurn), each followed by all microtasks; then, unless that function has
 * more to do, the thread waits in the kernel until the next deadline or an event.
 *
 * A spawned isolate also ends when there is nothing that it could wait for: no timer, no channel, no turn.
 *
 * While the thread runs, service_awake in the shared page says so: the kernel rings no doorbell
 * then, because sockets that ask for attention are looked for before the thread waits.
 */
class SystemIsolate final : private SystemHost {
 public:
  /**
   * What runs in it: services beside an app in Node, a bare app with the services that it needs, or what
   * another isolate has started, which has no device.
   */
  enum class Role { kSystem, kApp, kSpawned };
  // Isolate data slots: the first ones belong to Node on its own isolates, and are free in a bare one.
  static constexpr uint32_t kSelfSlot = 0;
  /** How a life ended. */
  enum class End { kTerminated, kFailed, kRestarting };

  /** @returns nullptr when V8 could not make the isolate */
  static std::unique_ptr<SystemIsolate> Create(const RuntimeKernelInterface& kernel,
                                               node::MultiIsolatePlatform* platform,
                                               const node::EmbedderSnapshotData* snapshot,
                                               Role role = Role::kSystem);
  /**
   * Makes an isolate for another one.
   * @param figures kept up to date; outlives it
   * @param threads that work for it; outlives it
   * @returns nullptr when V8 could not make the isolate
   */
  static std::unique_ptr<SystemIsolate> Spawn(const RuntimeKernelInterface& kernel,
                                              node::MultiIsolatePlatform* platform,
                                              const node::EmbedderSnapshotData* snapshot,
                                              const SpawnSettings& settings, LiveFigures* figures,
                                              IsolateThreads* threads);
  ~SystemIsolate();
  SystemIsolate(const SystemIsolate&) = delete;
  SystemIsolate& operator=(const SystemIsolate&) = delete;

  using SystemHost::set_callers;
  using SystemHost::set_inheritance;

  /**
   * Runs a script, which outlives the isolate, then the event loop. A failure (an exception that escapes, a
   * rejection without a handler, an exhausted heap) is written to the kernel log and is what failure() gives, or
   * is the ending's report of a spawned isolate.
   * @param channel of a spawned isolate, its channel number 1
   */
  End Run(const ScriptFile& script, std::optional<Endpoint> channel = {});

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

  /** What this life leaves to the next one. After Run(). */
  Inheritance TakeInheritance();
  /** Whether the bundle has said that it works (reload.keep). From any thread. */
  bool IsKept() const { return is_kept_.load(); }

  /** Ends it, whatever it does: a failure, whose report says where it was. From any thread. */
  void Kill(const std::string& reason);
  /**
   * Whether V8 was left in the middle of a collection, when there was no memory: then nothing of it can be
   * freed, and this object has to stay. After Run().
   */
  bool IsLost() const { return has_run_out_of_memory_ && collections_ > 0; }
  /** Closes its channels, and lets go of its thread, when it has to stay. */
  void Abandon();
  /** How a spawned isolate has ended. After Run(). */
  const Ending& ending() const { return ending_; }

 private:
  SystemIsolate(const RuntimeKernelInterface& kernel, node::MultiIsolatePlatform* platform,
                const node::EmbedderSnapshotData* snapshot, Role role,
                std::unique_ptr<Doorbell> doorbell, const SpawnSettings& settings,
                LiveFigures* figures, IsolateThreads* threads);

  uint64_t StartedAt() const override { return started_at_; }
  v8::Local<v8::Value> SourceMap() const override;
  void OnTurn(v8::Local<v8::Function> turn) override { turn_.Reset(isolate_, turn); }
  void OnShutDown(v8::Local<v8::Function> shut_down) override {
    shut_down_.Reset(isolate_, shut_down);
  }
  void Exit(int32_t code) override;
  void Finish() override;
  void KeepScripts() override;
  void BecomeFrozen() override;
  int32_t Restart(const char* state, size_t length) override;
  void WriteLog(uint32_t level, const char* text, size_t length) override;
  bool MaySend() override;
  void OnNews(v8::Local<v8::Function> listener) override;
  int32_t AttachBroker(RuntimeMemoryRange* into) override;
  v8::Local<v8::ArrayBuffer> Buffer(const RuntimeMemoryRange& memory) override;

  /** For the log. */
  std::string RoleName() const;
  /** Whether it needs nothing but the loop: it has no device, and runs beside what must go on. */
  bool IsSpawned() const { return role_ == Role::kSpawned; }
  void RunLoop(const ScriptFile& script);
  bool RunScript(v8::Local<v8::Context> context, const ScriptFile& script);
  bool RunTasks();
  bool RunNews(v8::Local<v8::Context> context);
  bool HasNothingToDo(uint64_t deadline);
  void UpdateFigures();
  bool RunTimers(v8::Local<v8::Context> context);
  bool RunMicrotasks();
  bool RunShutDown(v8::Local<v8::Context> context);
  bool RunTurn(v8::Local<v8::Context> context, uint64_t* deadline);
  void Wait(uint64_t deadline);
  void WaitAttached(RuntimeSharedPage* page, uint64_t deadline);
  RuntimeSharedPage* SharedPage() const;
  bool Fail(const v8::TryCatch& caught);
  void Report(const char* what, v8::Local<v8::Value> error, v8::Local<v8::Message> message);

  void LimitSpawned();
  void BeginTurn(uint64_t now);
  void YieldInLongTurn(uint64_t now);
  void StopFor(const std::string& limit);
  size_t MemoryBytes() const;
  void ReachHeapLimit();
  Ending MakeEnding();

  static void OnMessage(v8::Local<v8::Message> message, v8::Local<v8::Value> error);
  static void OnPromiseReject(v8::PromiseRejectMessage message);
  static void OnInterrupt(v8::Isolate* isolate, void* self);
  static void OnCollected(v8::Isolate* isolate, v8::GCType type, v8::GCCallbackFlags flags,
                          void* self);
  static void OnScavenged(v8::Isolate* isolate, v8::GCType type, v8::GCCallbackFlags flags,
                          void* self);
  static size_t OnNearHeapLimit(void* self, size_t current_limit, size_t initial_limit);
  static void OnKilled(v8::Isolate* isolate, void* self);
  static void OnLimitReached(v8::Isolate* isolate, void* self);
  static void OnOutOfMemory(const char* location, const v8::OOMDetails& details, void* self);
  static void OnCollectionBegins(v8::Isolate* isolate, v8::GCType type, v8::GCCallbackFlags flags,
                                 void* self);
  static void OnCollectionEnds(v8::Isolate* isolate, v8::GCType type, v8::GCCallbackFlags flags,
                               void* self);

  uint64_t started_at_;
  const Role role_;
  const std::string name_;  // of a spawned isolate
  LiveFigures* const figures_;
  IsolateThreads* const threads_;  // nullptr when it never yields
  node::MultiIsolatePlatform* const platform_;
  const std::unique_ptr<Doorbell> doorbell_;
  const std::shared_ptr<node::ArrayBufferAllocator> allocator_;
  const std::shared_ptr<ForegroundTasks> tasks_;
  ForegroundDelegate delegate_;
  Timers timers_;
  TimerHost timer_host_;
  v8::Isolate* const isolate_;
  std::optional<MemoryWatched> watched_;
  // The `data:` URL of the bundle's source map, in the bundle; made a string when somebody asks.
  std::string_view source_map_;
  v8::Global<v8::Function> news_;
  std::vector<News> taken_news_;
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
  // V8's own limit, on the machine on which a frozen process has gone on; 0 on that on which it was made.
  size_t heap_limit_of_machine_ = 0;
  // Of a spawned isolate: from so many bytes on, garbage included, garbage is collected to see what is left.
  size_t collects_from_ = 0;
  bool heap_exhausted_ = false;
  int heap_reserves_used_ = 0;
  std::atomic<bool> terminating_ = false;
  std::atomic<bool> is_kept_ = false;
  std::optional<std::string> restart_state_;  // for the next life
  std::string report_;
  // Of a spawned isolate only.
  Rate messages_;
  Rate log_lines_;
  uint64_t dropped_lines_ = 0;
  uint64_t turn_started_ = 0;
  uint64_t figures_at_ = 0;
  bool is_yielding_ = false;
  // A limit that it reached, and where it was when something stopped it.
  std::string limit_reached_;
  std::string stopped_at_;
  bool has_finished_ = false;
  std::mutex kill_mutex_;  // guards what follows
  std::optional<std::string> kill_reason_;
  Ending ending_;
  // Where OnOutOfMemory() goes on, out of V8.
  jmp_buf out_of_memory_;
  bool has_run_out_of_memory_ = false;
  int collections_ = 0;  // that are under way
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_SYSTEM_ISOLATE_H
