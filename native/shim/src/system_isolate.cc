#include "system_isolate.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "binding_errors.h"
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
constexpr size_t kAppHeapShare = 2;
constexpr size_t kLeastHeapBytes = 64 * 1024 * 1024;
// How often V8's own limit may grow, by half, while a script that hit it is being stopped.
constexpr int kHeapReserves = 4;

// Exit code of an app that SIGTERM ended: 128 + SIGTERM.
constexpr int kTerminatedCode = 143;

// What ends a wait.
constexpr uint32_t kEvents =
    RUNTIME_EVENT_WAKE | RUNTIME_EVENT_BROKER | RUNTIME_EVENT_INTERRUPT | RUNTIME_EVENT_TERMINAL;
// Microseconds from which on a time counts as never: beyond them a double skips numbers.
constexpr double kLongestSleep = 9e15;

// Isolate data slots: the first ones belong to Node on its own isolates, and are free in a bare
// one.
constexpr uint32_t kSelfSlot = 0;

// What a bundle ends with: ECMA-426, section 11.1.
constexpr std::string_view kSourceMapComment = "//# sourceMappingURL=";

SystemIsolate* Self(v8::Isolate* isolate) {
  return static_cast<SystemIsolate*>(isolate->GetData(kSelfSlot));
}

std::string ToText(v8::Isolate* isolate, Local<Value> value) {
  const String::Utf8Value text(isolate, value);
  return *text == nullptr ? "(cannot be shown)" : std::string(*text, text.length());
}

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

}  // namespace

std::unique_ptr<SystemIsolate> SystemIsolate::Create(const RuntimeKernelInterface& kernel,
                                                     node::MultiIsolatePlatform* platform,
                                                     const node::EmbedderSnapshotData* snapshot,
                                                     Role role) {
  std::unique_ptr<SystemIsolate> made(new SystemIsolate(kernel, platform, snapshot, role));
  return made->isolate_ == nullptr ? nullptr : std::move(made);
}

SystemIsolate::SystemIsolate(const RuntimeKernelInterface& kernel,
                             node::MultiIsolatePlatform* platform,
                             const node::EmbedderSnapshotData* snapshot, Role role)
    : SystemHost(kernel),
      started_at_(kernel.monotonic_nanoseconds()),
      role_(role),
      platform_(platform),
      allocator_(node::ArrayBufferAllocator::Create()),
      tasks_(std::make_shared<ForegroundTasks>(kernel)),
      delegate_(tasks_),
      timer_host_{kernel, timers_},
      isolate_(NewBareIsolate(platform, snapshot, allocator_.get(), &delegate_)) {
  if (isolate_ == nullptr) return;
  RuntimeMemoryStatistics memory = {};
  kernel.memory_statistics(&memory);
  most_heap_bytes_ = role == Role::kApp
                         ? memory.total / kAppHeapShare
                         : std::max<size_t>(memory.total / kHeapShare, kLeastHeapBytes);
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
  isolate_->SetStackLimit(here - kScriptStackBytes);
}

SystemIsolate::~SystemIsolate() {
  if (isolate_ == nullptr) return;
  {
    const v8::Locker locker(isolate_);
    const v8::Isolate::Scope isolate_scope(isolate_);
    timers_ = {};
    rejections_.clear();
    turn_.Reset();
    shut_down_.Reset();
    interrupted_.Reset();
    buffers_.clear();
  }
  SetCurrent(nullptr);
  tasks_->Close();
  platform_->DisposeIsolate(isolate_);
}

SystemIsolate::End SystemIsolate::Run(const SystemBundle& bundle) {
  const v8::Locker locker(isolate_);
  const v8::Isolate::Scope isolate_scope(isolate_);
  const v8::HandleScope handle_scope(isolate_);
  const Local<Context> context = Context::New(isolate_);
  const Context::Scope context_scope(context);
  bool running = RunBundle(context, bundle) && RunMicrotasks();
  while (running && !terminating_.load()) {
    tasks_->RunReady();
    uint64_t deadline = RUNTIME_NO_DEADLINE;
    running = RunMicrotasks() && RunShutDown(context) && RunTimers(context) &&
              RunTurn(context, &deadline);
    beat_.fetch_add(1, std::memory_order_relaxed);
    if (running) Wait(deadline);
    beat_.fetch_add(1, std::memory_order_relaxed);
  }
  return terminating_.load() ? End::kTerminated : End::kFailed;
}

void SystemIsolate::Terminate() {
  terminating_.store(true);  // before the wake-up, after which the loop looks at it
  isolate_->TerminateExecution();
  kernel().notify_events(RUNTIME_EVENT_WAKE);
}

void SystemIsolate::Exit(int32_t code) {
  exit_code_ = code;
  Terminate();
}

void SystemIsolate::RequestShutDown() {
  shut_down_wanted_.store(true);
  kernel().notify_events(RUNTIME_EVENT_WAKE);
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

void SystemIsolate::Interrupt() { isolate_->RequestInterrupt(OnInterrupt, this); }

void SystemIsolate::OnInterrupt(v8::Isolate* isolate, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  const v8::HandleScope handle_scope(isolate);
  // Its stack is this place's; JavaScript, which makes text of it, can run again after the termination.
  host->interrupted_.Reset(isolate, v8::Exception::Error(String::NewFromUtf8Literal(
                                        isolate, "interrupted, for it runs without an end")));
  isolate->TerminateExecution();
}

bool SystemIsolate::RunBundle(Local<Context> context, const SystemBundle& bundle) {
  const v8::HandleScope handle_scope(isolate_);
  const v8::TryCatch caught(isolate_);
  const Local<v8::Object> bindings = v8::Object::New(isolate_);
  const std::string_view code = TakeSourceMap(bundle.text);
  Local<String> text;
  if (!InstallSystemGlobals(context, &timer_host_) ||
      !InstallSystemBindings(context, bindings, this) ||
      !context->Global()
           ->DefineOwnProperty(context, String::NewFromUtf8Literal(isolate_, "runtime"), bindings,
                               v8::DontEnum)
           .FromMaybe(false) ||
      !ToScript(isolate_, code, !bundle.cache.empty()).ToLocal(&text)) {
    return Fail(caught);
  }
  const v8::ScriptOrigin origin(role_ == Role::kApp
                                    ? String::NewFromUtf8Literal(isolate_, kWorkerBundlePath)
                                    : String::NewFromUtf8Literal(isolate_, kSystemBundlePath));
  // The source takes the cache; V8 does not keep it longer.
  v8::ScriptCompiler::CachedData* const cache =
      bundle.cache.empty() ? nullptr
                           : new v8::ScriptCompiler::CachedData(
                                 reinterpret_cast<const uint8_t*>(bundle.cache.data()),
                                 static_cast<int>(bundle.cache.size()),
                                 v8::ScriptCompiler::CachedData::BufferNotOwned);
  v8::ScriptCompiler::Source source(text, origin, cache);
  Local<v8::Script> script;
  if (!v8::ScriptCompiler::Compile(context, &source,
                                   cache == nullptr ? v8::ScriptCompiler::kNoCompileOptions
                                                    : v8::ScriptCompiler::kConsumeCodeCache)
           .ToLocal(&script)) {
    return Fail(caught);
  }
  if (cache != nullptr && cache->rejected) {
    Log(kernel(), RUNTIME_LOG_DEBUG,
        std::string(RoleName()) +
            ": the bundle's code cache is of another V8 or other flags; compiled anew");
  }
  return script->Run(context).IsEmpty() ? Fail(caught) : true;
}

// V8 is not given the map, which is as long as the code, to read through each time it starts; nor is it
// read here.
std::string_view SystemIsolate::TakeSourceMap(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r')) --end;
  const void* const newline = memrchr(text.data(), '\n', end);
  if (newline == nullptr) return text;
  const size_t at = static_cast<size_t>(static_cast<const char*>(newline) - text.data());
  const std::string_view last_line = text.substr(at + 1, end - at - 1);
  if (!last_line.starts_with(kSourceMapComment)) return text;
  source_map_ = last_line.substr(kSourceMapComment.size());
  return text.substr(0, at);
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
  if (TakeTurnWanted() || deadline <= kernel().monotonic_nanoseconds()) return;
  RuntimeSharedPage* const page = SharedPage();
  if (page == nullptr) {
    kernel().wait_for_events(kEvents, deadline);
    return;
  }
  const std::atomic_ref awake(page->service_awake);
  awake.store(0);
  // Before the kernel reads service_awake it has put the socket in the list: whoever comes second sees
  // what the other has written.
  const bool has_work = std::atomic_ref(page->service_attention).load() != 0;
  if (!has_work) kernel().wait_for_events(kEvents, deadline);
  awake.store(1);
}

RuntimeSharedPage* SystemIsolate::SharedPage() const {
  return reinterpret_cast<RuntimeSharedPage*>(arena().address);
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
    known.Reset(isolate_, v8::ArrayBuffer::New(isolate_, std::move(store)));
  }
  return known.Get(isolate_);
}

bool SystemIsolate::Fail(const v8::TryCatch& caught) {
  if (heap_exhausted_) {
    // No JavaScript can run to show more than this.
    Log(kernel(), RUNTIME_LOG_ERROR,
        std::string(RoleName()) +
            ": its JavaScript heap is exhausted: something there holds on to too much, "
            "or the machine has too little memory");
  } else if (!interrupted_.IsEmpty() && !terminating_.load()) {
    isolate_->CancelTerminateExecution();
    Report("a turn of its loop does not end", interrupted_.Get(isolate_), {});
  } else if (!terminating_.load()) {
    Report("an exception escaped", caught.Exception(), caught.Message());
  }
  failed_ = true;
  return false;
}

void SystemIsolate::Report(const char* what, Local<Value> error, Local<v8::Message> message) {
  const v8::TryCatch caught(isolate_);  // getting at the stack runs JavaScript
  const Local<Context> context = isolate_->GetCurrentContext();
  failed_ = true;
  std::string text = std::string(RoleName()) + ": " + what + ": ";
  Local<Value> stack;
  if (!error.IsEmpty() && error->IsNativeError() &&
      error.As<v8::Object>()
          ->Get(context, String::NewFromUtf8Literal(isolate_, "stack"))
          .ToLocal(&stack) &&
      stack->IsString()) {
    text += ToText(isolate_, stack);
  } else if (!error.IsEmpty()) {
    text += ToText(isolate_, error);
  }
  // A syntax error's stack does not say where in the script it is.
  if (!message.IsEmpty() && !error.IsEmpty() &&
      (!error->IsNativeError() || text.find("\n    at ") == std::string::npos)) {
    text += "\n    at " + ToText(isolate_, message->GetScriptResourceName()) + ":" +
            std::to_string(message->GetLineNumber(context).FromMaybe(0)) + ":" +
            std::to_string(message->GetStartColumn(context).FromMaybe(0) + 1);
  }
  Log(kernel(), RUNTIME_LOG_ERROR, text);
}

// Exceptions that no TryCatch of ours sees: those of queueMicrotask() callbacks and of V8's own
// tasks.
void SystemIsolate::OnMessage(Local<v8::Message> message, Local<Value> error) {
  Self(v8::Isolate::GetCurrent())->Report("an exception escaped", error, message);
}

void SystemIsolate::OnPromiseReject(v8::PromiseRejectMessage message) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  auto& rejections = Self(isolate)->rejections_;
  if (message.GetEvent() == v8::kPromiseRejectWithNoHandler) {
    rejections.emplace_back(v8::Global<v8::Promise>(isolate, message.GetPromise()),
                            v8::Global<Value>(isolate, message.GetValue()));
  } else if (message.GetEvent() == v8::kPromiseHandlerAddedAfterReject) {
    std::erase_if(rejections,
                  [&](const auto& entry) { return entry.first == message.GetPromise(); });
  }
}

void SystemIsolate::OnCollected(v8::Isolate*, v8::GCType, v8::GCCallbackFlags, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  if (host->HeapBytes() <= host->most_heap_bytes_) return;
  host->heap_exhausted_ = true;
  host->isolate_->TerminateExecution();
}

size_t SystemIsolate::OnNearHeapLimit(void* self, size_t current_limit, size_t) {
  auto* const host = static_cast<SystemIsolate*>(self);
  host->heap_exhausted_ = true;
  host->isolate_->TerminateExecution();
  // V8 leaves the check for termination out of some loops that only call its own functions. One
  // that goes on allocating gets no more, and V8 ends the process with its report of an exhausted
  // heap.
  if (host->heap_reserves_used_ == kHeapReserves) return current_limit;
  ++host->heap_reserves_used_;
  return current_limit + current_limit / 2;
}

}  // namespace runtime
