#include "system_isolate.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "binding_errors.h"
#include "freezing.h"
#include "isolates/children.h"
#include "isolates/device_grant.h"
#include "isolates/limited_allocator.h"
#include "kernel.h"

namespace runtime {
namespace {

using v8::Context;
using v8::Local;
using v8::String;
using v8::Value;

// Of the thread's stack (SystemThread gives it 2 MiB) JavaScript may use this much; the rest is for
// V8.
constexpr uintptr_t kScriptStackBytes = 1024 * 1024;
// Of the machine's memory the heap may hold this share, at least so many bytes. V8's own limit is at
// half of the memory, too late: an array that grows there needs more at once than is left, and V8 ends
// the process.
constexpr size_t kHeapShare = 8;
constexpr size_t kAppHeapQuarters = 3;
constexpr size_t kLeastHeapBytes = 64 * 1024 * 1024;
// A spawned isolate: of its thread's stack, of 1 MiB; and channels that it may make.
constexpr uintptr_t kSpawnedScriptStackBytes = 384 * 1024;
constexpr size_t kSpawnedChannels = 256;
constexpr size_t kNoLimit = SIZE_MAX;
// What it may write to the log: so much at once, and so much in each second.
constexpr uint32_t kLogLines = 200;
constexpr size_t kLongestLog = 16 * 1024;
// How often figures that take a while to find are found anew.
constexpr uint64_t kFiguresInterval = 20'000'000;
// From so many nanoseconds on a turn of a spawned isolate is a long one.
constexpr uint64_t kLongTurn = 100'000'000;

// Exit code of an app that SIGTERM ended: 128 + SIGTERM.
constexpr int kTerminatedCode = 143;

// Microseconds from which on a time counts as never: beyond them a double skips numbers.
constexpr double kLongestSleep = 9e15;

v8::MaybeLocal<String> ToString(v8::Isolate* isolate, std::string_view text) {
  return String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal,
                             static_cast<int>(text.size()));
}

// A script that V8 reads where it is.
class ScriptInPlace final : public String::ExternalOneByteStringResource {
 public:
  explicit ScriptInPlace(std::string_view text) : text_(text) {}
  const char* data() const override { return text_.data(); }
  size_t length() const override { return text_.size(); }

 private:
  const std::string_view text_;
};

v8::MaybeLocal<String> ToScript(v8::Isolate* isolate, std::string_view text, bool is_ascii) {
  if (!is_ascii) return ToString(isolate, text);
  auto resource = std::make_unique<ScriptInPlace>(text);
  const v8::MaybeLocal<String> made = String::NewExternalOneByte(isolate, resource.get());
  if (!made.IsEmpty()) (void)resource.release();  // V8 deletes it when the string goes
  return made;
}

std::shared_ptr<node::ArrayBufferAllocator> MakeAllocator(bool is_limited, size_t most) {
  if (is_limited) return std::make_shared<LimitedAllocator>(most);
  return node::ArrayBufferAllocator::Create();
}

size_t ShareOfHeap(const RuntimeKernelInterface& kernel, SystemIsolate::Role role) {
  RuntimeMemoryStatistics memory = {};
  kernel.memory_statistics(&memory);
  const size_t usable = memory.total - memory.image;
  return role == SystemIsolate::Role::kApp ? usable / 4 * kAppHeapQuarters
                                           : std::max<size_t>(usable / kHeapShare, kLeastHeapBytes);
}

std::unique_ptr<Doorbell> MakeDoorbell(const RuntimeKernelInterface& kernel,
                                       const SpawnSettings& settings) {
  if (settings.device != nullptr) return settings.device->MakeDoorbell();
  return std::make_unique<ThreadDoorbell>(kernel);
}

}  // namespace

std::unique_ptr<SystemIsolate> SystemIsolate::Create(const RuntimeKernelInterface& kernel,
                                                     node::MultiIsolatePlatform* platform,
                                                     const node::EmbedderSnapshotData* snapshot,
                                                     Role role) {
  std::unique_ptr<SystemIsolate> made(new SystemIsolate(
      kernel, platform, snapshot, role, std::make_unique<EventWordDoorbell>(kernel),
      {{}, {}, ShareOfHeap(kernel, role), 0, 0, nullptr}, nullptr, nullptr));
  if (made->isolate_ == nullptr) return nullptr;
  made->set_children(
      std::make_unique<Children>(kernel, platform, snapshot, made->shared_mailbox()));
  return made;
}

std::unique_ptr<SystemIsolate> SystemIsolate::Spawn(const RuntimeKernelInterface& kernel,
                                                    node::MultiIsolatePlatform* platform,
                                                    const node::EmbedderSnapshotData* snapshot,
                                                    const SpawnSettings& settings,
                                                    LiveFigures* figures, IsolateThreads* threads) {
  std::unique_ptr<SystemIsolate> made(new SystemIsolate(
      kernel, platform, snapshot, Role::kSpawned, MakeDoorbell(kernel, settings), settings, figures,
      // Others wait for a driver.
      settings.device == nullptr ? threads : nullptr));
  made->set_device(settings.device);
  return made->isolate_ == nullptr ? nullptr : std::move(made);
}

SystemIsolate::SystemIsolate(const RuntimeKernelInterface& kernel,
                             node::MultiIsolatePlatform* platform,
                             const node::EmbedderSnapshotData* snapshot, Role role,
                             std::unique_ptr<Doorbell> doorbell, const SpawnSettings& settings,
                             LiveFigures* figures, IsolateThreads* threads)
    : SystemHost(kernel, *doorbell, role == Role::kSpawned ? kSpawnedChannels : kNoLimit),
      started_at_(kernel.monotonic_nanoseconds()),
      role_(role),
      name_(settings.name),
      figures_(figures),
      threads_(threads),
      platform_(platform),
      doorbell_(std::move(doorbell)),
      allocator_(MakeAllocator(role == Role::kSpawned, settings.heap_limit)),
      tasks_(std::make_shared<ForegroundTasks>(kernel, *doorbell_)),
      delegate_(tasks_),
      timer_host_{kernel, timers_},
      isolate_(NewBareIsolate(platform, snapshot, allocator_, &delegate_)),
      most_heap_bytes_(settings.heap_limit),
      messages_(settings.message_limit),
      log_lines_(role == Role::kSpawned ? kLogLines : 0) {
  if (isolate_ == nullptr) return;
  watched_.emplace(isolate_);
  SetCurrent(this);
  const v8::Locker locker(isolate_);
  const v8::Isolate::Scope isolate_scope(isolate_);
  const v8::HandleScope handle_scope(isolate_);
  isolate_->SetData(kSelfSlot, this);
  isolate_->AddMessageListener(OnMessage);
  isolate_->SetPromiseRejectCallback(OnPromiseReject);
  isolate_->AddGCEpilogueCallback(OnCollected, this, v8::kGCTypeMarkSweepCompact);
  isolate_->AddNearHeapLimitCallback(OnNearHeapLimit, this);
  const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  isolate_->SetStackLimit(here - (IsSpawned() ? kSpawnedScriptStackBytes : kScriptStackBytes));
  if (IsSpawned()) LimitSpawned();
}

void SystemIsolate::Abandon() {
  watched_.reset();
  set_children(nullptr);
  // Peers are told why; where in its code is for who has started it.
  const std::string why = ending_.report.substr(0, ending_.report.find('\n'));
  channels().Clear(why.empty() ? RoleName() + " has ended" : name_ + ": " + why);
  mailbox().Close();
  tasks_->Close();
  // It keeps what the kernel knows of the thread, with its stack.
  doorbell_->Close();
}

SystemIsolate::~SystemIsolate() {
  if (isolate_ == nullptr) return;
  Abandon();
  {
    const v8::Locker locker(isolate_);
    const v8::Isolate::Scope isolate_scope(isolate_);
    timers_ = {};
    rejections_.clear();
    news_.Reset();
    turn_.Reset();
    shut_down_.Reset();
    interrupted_.Reset();
    buffers_.clear();
  }
  SetCurrent(nullptr);
  platform_->DisposeIsolate(isolate_);
}

std::string SystemIsolate::RoleName() const {
  switch (role_) {
    case Role::kSystem:
      return "system isolate";
    case Role::kApp:
      return "app";
    case Role::kSpawned:
      break;
  }
  return "isolate " + name_;
}

SystemIsolate::End SystemIsolate::Run(const ScriptFile& script, std::optional<Endpoint> channel) {
  const v8::Locker locker(isolate_);
  const v8::Isolate::Scope isolate_scope(isolate_);
  const v8::HandleScope handle_scope(isolate_);
  if (channel.has_value()) channels().Add(*std::move(channel));
  // The second return is from OnOutOfMemory(), which leaves V8 in the middle of what it did.
  if (setjmp(out_of_memory_) == 0) RunLoop(script);
  if (IsSpawned()) ending_ = MakeEnding();
  if (restart_state_.has_value()) return End::kRestarting;
  const std::lock_guard lock(kill_mutex_);
  return terminating_.load() && !kill_reason_.has_value() ? End::kTerminated : End::kFailed;
}

Inheritance SystemIsolate::TakeInheritance() {
  const std::lock_guard lock(kill_mutex_);
  if (restart_state_.has_value()) return {std::move(restart_state_), {}};
  if (kill_reason_.has_value()) return {{}, *kill_reason_ + stopped_at_};
  return {{}, report_};
}

void SystemIsolate::RunLoop(const ScriptFile& script) {
  const v8::HandleScope handle_scope(isolate_);
  const Local<Context> context = Context::New(isolate_);
  const Context::Scope context_scope(context);
  if (IsSpawned()) BeginTurn(started_at_);
  bool running = RunScript(context, script) && RunMicrotasks();
  if (running && callers() != nullptr) callers()->HasStarted();
  if (figures_ != nullptr) figures_->ready_at.store(kernel().monotonic_nanoseconds());
  while (running && !terminating_.load()) {
    if (IsSpawned()) BeginTurn(kernel().monotonic_nanoseconds());
    uint64_t deadline = RUNTIME_NO_DEADLINE;
    running = RunTasks() && RunShutDown(context) && RunNews(context) && RunTimers(context) &&
              RunTurn(context, &deadline);
    beat_.fetch_add(1, std::memory_order_relaxed);
    if (running) {
      if (HasNothingToDo(deadline)) break;
      Wait(deadline);
    }
    beat_.fetch_add(1, std::memory_order_relaxed);
  }
}

bool SystemIsolate::RunTasks() { return !tasks_->RunReady() || RunMicrotasks(); }

bool SystemIsolate::RunNews(Local<Context> context) {
  mailbox().Take(&taken_news_);
  for (const News& news : taken_news_) {
    if (news.kind == News::Kind::kChannel && !channels().NewsTaken(news.id)) continue;
    if (news_.IsEmpty()) continue;
    const v8::HandleScope handle_scope(isolate_);
    const v8::TryCatch caught(isolate_);
    Local<Value> arguments[] = {
        v8::Integer::NewFromUnsigned(isolate_, static_cast<uint32_t>(news.kind)),
        v8::Integer::NewFromUnsigned(isolate_, news.id)};
    if (news_.Get(isolate_)
            ->Call(context, v8::Undefined(isolate_), std::size(arguments), arguments)
            .IsEmpty()) {
      return Fail(caught);
    }
    if (!RunMicrotasks()) return false;
  }
  return true;
}

// What an isolate waits for is a moment, a message, or what its turn looks at.
bool SystemIsolate::HasNothingToDo(uint64_t deadline) {
  return IsSpawned() && channels().size() == 0 && turn_.IsEmpty() &&
         deadline == RUNTIME_NO_DEADLINE && timers_.NextDeadline() == RUNTIME_NO_DEADLINE &&
         tasks_->NextDeadline() != 0;  // those of V8 that have time are for longer lives
}

void SystemIsolate::UpdateFigures() {
  figures_->turn_started.store(0);
  figures_->messages_sent.store(channels().sent());
  figures_->messages_received.store(channels().received());
  if (turn_started_ - figures_at_ < kFiguresInterval) return;
  figures_at_ = turn_started_;
  figures_->heap_bytes.store(HeapBytes());
  figures_->external_bytes.store(
      static_cast<uint64_t>(isolate_->AdjustAmountOfExternalAllocatedMemory(0)));
}

void SystemIsolate::BeginTurn(uint64_t now) {
  turn_started_ = now;
  figures_->turn_started.store(now);
  if (std::exchange(is_yielding_, false)) threads_->SetYielding(false);
}

// Where its thread comes by in a turn that takes long: when it collects garbage, and when its messages are counted. What
// computes long, or runs amok, leaves the processor to those that answer; where nobody wants it, it has all of it.
void SystemIsolate::YieldInLongTurn(uint64_t now) {
  if (threads_ == nullptr || is_yielding_ || now - turn_started_ < kLongTurn) return;
  is_yielding_ = true;
  threads_->SetYielding(true);
}

bool SystemIsolate::MaySend() {
  if (messages_.most() == 0) return true;
  const uint64_t now = kernel().monotonic_nanoseconds();
  YieldInLongTurn(now);
  if (messages_.Take(now)) return true;
  StopFor("it sends more than " + std::to_string(messages_.most()) + " messages in a second");
  return false;
}

// The log is shared, and written by a slow line: an isolate must not fill it.
void SystemIsolate::WriteLog(uint32_t level, const char* text, size_t length) {
  if (!IsSpawned()) {
    kernel().log(level, text, length);
    return;
  }
  std::string_view rest(text, std::min(length, kLongestLog));
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!log_lines_.Take(kernel().monotonic_nanoseconds())) {
      ++dropped_lines_;
      continue;
    }
    if (dropped_lines_ > 0) {
      Log(kernel(), RUNTIME_LOG_WARN,
          name_ + ": " + std::to_string(std::exchange(dropped_lines_, 0)) +
              " lines were too many for the log");
    }
    Log(kernel(), level, name_ + ": " + std::string(line));
  }
}

void SystemIsolate::Terminate() {
  terminating_.store(true);  // before the wake-up, after which the loop looks at it
  isolate_->TerminateExecution();
  doorbell_->Ring();
}

void SystemIsolate::Finish() {
  has_finished_ = true;
  Terminate();
}

void SystemIsolate::KeepScripts() {
  is_kept_.store(true);
  SystemHost::KeepScripts();
}

void SystemIsolate::BecomeFrozen() {
  if (!IsToBeFrozen(kernel())) return;
  CollectBeforeFreezing(isolate_);
  if (role_ == Role::kSystem) {
    WaitFrozen(kernel());
  } else if (FreezeProcess(kernel())) {
    TakeVariables(isolate_);
  } else {
    std::_Exit(1);
  }
  started_at_ = kernel().monotonic_nanoseconds();
  most_heap_bytes_ = ShareOfHeap(kernel(), role_);
  heap_limit_of_machine_ = HeapLimitOfMachine(kernel());
}

int32_t SystemIsolate::Restart(const char* state, size_t length) {
  if (role_ != Role::kSystem) return -EPERM;
  restart_state_ = std::string(state, length);
  Terminate();
  return 0;
}

void SystemIsolate::OnNews(Local<v8::Function> listener) {
  news_.Reset(isolate_, listener);
  channels().AnnounceAll();
}

void SystemIsolate::Exit(int32_t code) {
  exit_code_ = code;
  Terminate();
}

void SystemIsolate::RequestShutDown() {
  shut_down_wanted_.store(true);
  doorbell_->Ring();
}

bool SystemIsolate::RunShutDown(Local<Context> context) {
  if (!shut_down_wanted_.exchange(false)) return true;
  if (shut_down_.IsEmpty()) {
    Exit(kTerminatedCode);
    return false;
  }
  const v8::HandleScope handle_scope(isolate_);
  const v8::TryCatch caught(isolate_);
  if (shut_down_.Get(isolate_)->Call(context, v8::Undefined(isolate_), 0, nullptr).IsEmpty()) {
    return Fail(caught);
  }
  return RunMicrotasks();
}

bool SystemIsolate::RunScript(Local<Context> context, const ScriptFile& script) {
  const v8::HandleScope handle_scope(isolate_);
  const v8::TryCatch caught(isolate_);
  const Local<v8::Object> bindings = v8::Object::New(isolate_);
  source_map_ = script.source_map();
  Local<String> text;
  Local<String> path;
  if (!InstallSystemGlobals(context, &timer_host_) ||
      !(IsSpawned() ? InstallBareBindings : InstallSystemBindings)(context, bindings, this) ||
      !context->Global()
           ->DefineOwnProperty(context, String::NewFromUtf8Literal(isolate_, "runtime"), bindings,
                               v8::DontEnum)
           .FromMaybe(false) ||
      !ToString(isolate_, script.path()).ToLocal(&path) ||
      !ToScript(isolate_, script.code(), script.is_ascii()).ToLocal(&text)) {
    return Fail(caught);
  }
  const v8::ScriptOrigin origin(path);
  // The source takes the cache; V8 does not keep it longer.
  v8::ScriptCompiler::CachedData* const cache =
      script.cache().empty() ? nullptr
                             : new v8::ScriptCompiler::CachedData(
                                   reinterpret_cast<const uint8_t*>(script.cache().data()),
                                   static_cast<int>(script.cache().size()),
                                   v8::ScriptCompiler::CachedData::BufferNotOwned);
  v8::ScriptCompiler::Source source(text, origin, cache);
  Local<v8::Script> compiled;
  if (!v8::ScriptCompiler::Compile(context, &source,
                                   cache == nullptr ? v8::ScriptCompiler::kNoCompileOptions
                                                    : v8::ScriptCompiler::kConsumeCodeCache)
           .ToLocal(&compiled)) {
    return Fail(caught);
  }
  if (cache != nullptr && cache->rejected) {
    Log(kernel(), RUNTIME_LOG_DEBUG,
        RoleName() + ": the bundle's code cache is of another V8 or other flags; compiled anew");
  }
  return compiled->Run(context).IsEmpty() ? Fail(caught) : true;
}

Local<Value> SystemIsolate::SourceMap() const {
  Local<String> url;
  if (source_map_.empty() || !ToString(isolate_, source_map_).ToLocal(&url)) {
    return v8::Undefined(isolate_);
  }
  return url;
}

bool SystemIsolate::RunTimers(Local<Context> context) {
  if (timers_.NextDeadline() == RUNTIME_NO_DEADLINE) return true;
  const uint64_t now = kernel().monotonic_nanoseconds();
  std::vector<Local<Value>> arguments;
  for (const uint32_t id : timers_.Due(now)) {
    const v8::HandleScope handle_scope(isolate_);
    const v8::TryCatch caught(isolate_);
    Local<v8::Function> callback;
    if (!timers_.Fire(isolate_, id, now, &callback, &arguments)) continue;
    if (callback
            ->Call(context, v8::Undefined(isolate_), static_cast<int>(arguments.size()),
                   arguments.data())
            .IsEmpty()) {
      return Fail(caught);
    }
    if (!RunMicrotasks()) return false;
  }
  return true;
}

bool SystemIsolate::RunMicrotasks() {
  const v8::HandleScope handle_scope(isolate_);
  {
    const v8::TryCatch caught(isolate_);
    isolate_->PerformMicrotaskCheckpoint();
    if (caught.HasCaught()) return Fail(caught);
  }
  if (terminating_.load()) return false;
  for (auto& [promise, reason] : std::exchange(rejections_, {})) {
    Report("a promise was rejected and nothing handles it", reason.Get(isolate_),
           v8::Exception::CreateMessage(isolate_, reason.Get(isolate_)));
  }
  return !failed_;
}

bool SystemIsolate::RunTurn(Local<Context> context, uint64_t* deadline) {
  if (turn_.IsEmpty()) return true;
  const v8::HandleScope handle_scope(isolate_);
  const v8::TryCatch caught(isolate_);
  Local<Value> result;
  if (!turn_.Get(isolate_)->Call(context, v8::Undefined(isolate_), 0, nullptr).ToLocal(&result)) {
    return Fail(caught);
  }
  const double microseconds = result->IsNumber() ? result.As<v8::Number>()->Value() : std::nan("");
  if (std::isnan(microseconds)) {
    BindingErrors("loop.onTurn").ThrowReturned("the time until which the isolate may sleep");
    return Fail(caught);
  }
  if (microseconds < kLongestSleep) {
    *deadline = static_cast<uint64_t>(std::ceil(std::max(microseconds, 0.0))) * 1000;
  }
  return RunMicrotasks();
}

void SystemIsolate::Wait(uint64_t deadline) {
  deadline = std::min({deadline, tasks_->NextDeadline(), timers_.NextDeadline()});
  if (TakeTurnWanted()) return;
  if (deadline != RUNTIME_NO_DEADLINE && deadline <= kernel().monotonic_nanoseconds()) return;
  if (!mailbox().BeginSleep()) return;
  if (figures_ != nullptr) UpdateFigures();
  RuntimeSharedPage* const page = SharedPage();
  if (page == nullptr) {
    doorbell_->Wait(deadline);
  } else {
    WaitAttached(page, deadline);
  }
  mailbox().EndSleep();
}

// Also for sockets that ask for attention.
void SystemIsolate::WaitAttached(RuntimeSharedPage* page, uint64_t deadline) {
  const std::atomic_ref awake(page->service_awake);
  awake.store(0);
  // Before the kernel reads service_awake it has put the socket in the list: whoever comes second sees
  // what the other has written.
  const bool has_work = std::atomic_ref(page->service_attention).load() != 0;
  if (!has_work) doorbell_->Wait(deadline);
  awake.store(1);
}

RuntimeSharedPage* SystemIsolate::SharedPage() const {
  // What a spawned isolate has of the arena is memory of its device.
  return IsSpawned() ? nullptr : reinterpret_cast<RuntimeSharedPage*>(arena().address);
}

int32_t SystemIsolate::AttachBroker(RuntimeMemoryRange* into) {
  if (arena().address == 0) {
    RuntimeMemoryRange attached = {0, 0};
    const int32_t result = kernel().broker_attach(&attached);
    if (result < 0) return result;
    set_arena(attached);
    std::atomic_ref(SharedPage()->service_awake).store(1);
  }
  *into = arena();
  return 0;
}

Local<v8::ArrayBuffer> SystemIsolate::Buffer(const RuntimeMemoryRange& memory) {
  v8::Global<v8::ArrayBuffer>& known = buffers_[memory.address];
  if (known.IsEmpty()) {
    // With V8's own empty deleter the memory does not count as garbage to be collected.
    std::unique_ptr<v8::BackingStore> store =
        v8::ArrayBuffer::NewBackingStore(reinterpret_cast<void*>(memory.address), memory.size,
                                         v8::BackingStore::EmptyDeleter, nullptr);
    const Local<v8::ArrayBuffer> buffer = v8::ArrayBuffer::New(isolate_, std::move(store));
    PinBuffer(isolate_->GetCurrentContext(), buffer);
    // Nor can ArrayBuffer.prototype.transfer() make another one of it.
    buffer->SetDetachKey(v8::Symbol::New(isolate_));
    known.Reset(isolate_, buffer);
  }
  return known.Get(isolate_);
}

}  // namespace runtime
