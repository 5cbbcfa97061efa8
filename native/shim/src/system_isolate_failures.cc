// How a bare isolate fails: what is reported, and where limits stop it.

#include <setjmp.h>
#include <v8.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "kernel.h"
#include "system_isolate.h"

namespace runtime {
namespace {

using v8::Context;
using v8::Local;
using v8::String;
using v8::Value;

// How often V8's own limit may grow while a script that hit it is being stopped.
constexpr int kHeapReserves = 4;
// The first time it grows by so much of the memory that is free, so that one large thing still fits, and the
// report can say who made it.
constexpr size_t kReserveShare = 4;
constexpr int kMostFrames = 10;
constexpr size_t kMebibyte = 1024 * 1024;
// V8's own limit is so far above that of a spawned isolate. At its own V8 collects garbage half a dozen times for one
// allocation before it asks what to do. This much is its young generation at its largest, and some.
constexpr size_t kCollectorSlack = 24 * kMebibyte;
// What an isolate near its limit may allocate from one full collection to the next one that is on its account.
constexpr size_t kBetweenLooks = 4 * kMebibyte;
constexpr size_t kNever = SIZE_MAX;

SystemIsolate* Self(v8::Isolate* isolate) {
  return static_cast<SystemIsolate*>(isolate->GetData(SystemIsolate::kSelfSlot));
}

std::string ToText(v8::Isolate* isolate, Local<Value> value) {
  const String::Utf8Value text(isolate, value);
  return *text == nullptr ? "(cannot be shown)" : std::string(*text, text.length());
}

// Lines as in stack traces of JavaScript. None of the isolate's own code runs for them.
std::string FramesText(v8::Isolate* isolate, Local<v8::StackTrace> stack) {
  std::string text;
  if (stack.IsEmpty()) return text;
  for (int index = 0; index < stack->GetFrameCount(); ++index) {
    const Local<v8::StackFrame> frame = stack->GetFrame(isolate, index);
    const Local<String> function = frame->GetFunctionName();
    const Local<String> script = frame->GetScriptNameOrSourceURL();
    const std::string place = (script.IsEmpty() ? "(code)" : ToText(isolate, script)) + ":" +
                              std::to_string(frame->GetLineNumber()) + ":" +
                              std::to_string(frame->GetColumn());
    text += "\n    at ";
    text += function.IsEmpty() || function->Length() == 0
                ? place
                : ToText(isolate, function) + " (" + place + ")";
  }
  return text;
}

std::string HereText(v8::Isolate* isolate) {
  const v8::HandleScope handle_scope(isolate);
  return FramesText(isolate, v8::StackTrace::CurrentStackTrace(isolate, kMostFrames));
}

// What an exception says, and where it was made. None of the isolate's own code runs for it, which might not end.
std::string ExceptionText(v8::Isolate* isolate, Local<Value> error, Local<v8::Message> message) {
  std::string text =
      message.IsEmpty() ? "(nothing is known of it)" : ToText(isolate, message->Get());
  constexpr std::string_view kPrefix = "Uncaught ";
  if (text.starts_with(kPrefix)) text.erase(0, kPrefix.size());
  Local<v8::StackTrace> stack;
  if (!error.IsEmpty() && error->IsNativeError()) stack = v8::Exception::GetStackTrace(error);
  if (stack.IsEmpty() && !message.IsEmpty()) stack = message->GetStackTrace();
  if (!stack.IsEmpty() && stack->GetFrameCount() > 0) return text + FramesText(isolate, stack);
  if (message.IsEmpty()) return text;
  const Local<Context> context = isolate->GetCurrentContext();
  return text + "\n    at " + ToText(isolate, message->GetScriptResourceName()) + ":" +
         std::to_string(message->GetLineNumber(context).FromMaybe(0)) + ":" +
         std::to_string(message->GetStartColumn(context).FromMaybe(0) + 1);
}

}  // namespace

void SystemIsolate::Interrupt() { isolate_->RequestInterrupt(OnInterrupt, this); }

void SystemIsolate::OnInterrupt(v8::Isolate* isolate, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  const v8::HandleScope handle_scope(isolate);
  // Its stack is this place's; JavaScript, which makes text of it, can run again after the termination.
  host->interrupted_.Reset(isolate, v8::Exception::Error(String::NewFromUtf8Literal(
                                        isolate, "interrupted, for it runs without an end")));
  isolate->TerminateExecution();
}

void SystemIsolate::LimitSpawned() {
  isolate_->SetOOMErrorHandler(OnOutOfMemory, this);
  isolate_->SetCaptureStackTraceForUncaughtExceptions(true, kMostFrames);
  isolate_->AddGCPrologueCallback(OnCollectionBegins, this);
  isolate_->AddGCEpilogueCallback(OnCollectionEnds, this);
  isolate_->AddGCEpilogueCallback(
      OnScavenged, this, static_cast<v8::GCType>(v8::kGCTypeScavenge | v8::kGCTypeMinorMarkSweep));
  collects_from_ = most_heap_bytes_;
  // Removing the callback is the way to set the limit that V8 keeps itself.
  isolate_->RemoveNearHeapLimitCallback(OnNearHeapLimit, most_heap_bytes_ + kCollectorSlack);
  isolate_->AddNearHeapLimitCallback(OnNearHeapLimit, this);
}

void SystemIsolate::Kill(const std::string& reason) {
  {
    const std::lock_guard lock(kill_mutex_);
    kill_reason_ = reason;
  }
  terminating_.store(true);  // before the wake-up, after which the loop looks at it
  isolate_->RequestInterrupt(OnKilled, this);
  doorbell_->Ring();
}

void SystemIsolate::OnKilled(v8::Isolate* isolate, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  if (host->stopped_at_.empty()) host->stopped_at_ = HereText(isolate);
  isolate->TerminateExecution();
}

void SystemIsolate::StopFor(const std::string& limit) {
  if (limit_reached_.empty()) limit_reached_ = limit;
  OnLimitReached(isolate_, this);
}

void SystemIsolate::OnLimitReached(v8::Isolate* isolate, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  if (host->stopped_at_.empty()) host->stopped_at_ = HereText(isolate);
  isolate->TerminateExecution();
}

size_t SystemIsolate::MemoryBytes() const {
  return HeapBytes() + static_cast<size_t>(isolate_->AdjustAmountOfExternalAllocatedMemory(0));
}

// Called when the loop is left.
Ending SystemIsolate::MakeEnding() {
  const std::lock_guard lock(kill_mutex_);
  if (!limit_reached_.empty()) return {RUNTIME_END_LIMIT, limit_reached_ + stopped_at_};
  if (kill_reason_.has_value()) {
    return {RUNTIME_END_KILLED,
            *kill_reason_ + (stopped_at_.empty() ? "\n    while it waited" : stopped_at_)};
  }
  if (failed_ && !has_finished_) return {RUNTIME_END_FAILED, report_};
  return {RUNTIME_END_FINISHED, {}};
}

bool SystemIsolate::Fail(const v8::TryCatch& caught) {
  if (IsSpawned()) {
    if (caught.HasCaught() && !caught.HasTerminated() && !failed_) {
      report_ =
          "an exception escaped: " + ExceptionText(isolate_, caught.Exception(), caught.Message());
      // Such as that of a buffer for which there is no room.
      if (stopped_at_.empty()) stopped_at_ = ": " + report_;
    }
  } else if (heap_exhausted_) {
    // No JavaScript can run to show more than this.
    report_ =
        "its JavaScript heap is exhausted: something there holds on to too much, "
        "or the machine has too little memory";
    Log(kernel(), RUNTIME_LOG_ERROR, RoleName() + ": " + report_);
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
  if (IsSpawned()) {
    if (!failed_) report_ = std::string(what) + ": " + ExceptionText(isolate_, error, message);
    failed_ = true;
    return;
  }
  const v8::TryCatch caught(isolate_);  // getting at the stack runs JavaScript
  const Local<Context> context = isolate_->GetCurrentContext();
  failed_ = true;
  std::string text = std::string(what) + ": ";
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
  if (report_.empty()) report_ = text;
  Log(kernel(), RUNTIME_LOG_ERROR, RoleName() + ": " + text);
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
  if (host->IsSpawned()) {
    const size_t has = host->MemoryBytes();
    if (host->figures_ != nullptr) host->figures_->heap_bytes.store(host->HeapBytes());
    if (has > host->most_heap_bytes_) host->ReachHeapLimit();
    host->collects_from_ = std::max(host->most_heap_bytes_, has + kBetweenLooks);
    return;
  }
  if (host->HeapBytes() <= host->most_heap_bytes_) return;
  host->heap_exhausted_ = true;
  host->isolate_->TerminateExecution();
}

// Much of what there is may be garbage. Whether it is, one full collection tells, which cannot be had within another.
void SystemIsolate::OnScavenged(v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  if (!host->limit_reached_.empty() || host->MemoryBytes() <= host->collects_from_) return;
  host->collects_from_ = kNever;
  isolate->RequestInterrupt(
      [](v8::Isolate* interrupted, void*) {
        interrupted->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
        interrupted->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
      },
      nullptr);
}

// Where it is said once JavaScript can be looked at, which is not now.
void SystemIsolate::ReachHeapLimit() {
  if (!limit_reached_.empty()) return;
  limit_reached_ =
      "its memory limit of " + std::to_string(most_heap_bytes_ / kMebibyte) + " MiB is reached";
  isolate_->RequestInterrupt(OnLimitReached, this);
}

void SystemIsolate::OnCollectionBegins(v8::Isolate*, v8::GCType, v8::GCCallbackFlags, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  ++host->collections_;
  host->YieldInLongTurn(host->kernel().monotonic_nanoseconds());
}

void SystemIsolate::OnCollectionEnds(v8::Isolate*, v8::GCType, v8::GCCallbackFlags, void* self) {
  --static_cast<SystemIsolate*>(self)->collections_;
}

// V8 would end the process now. It is left where it is instead: nothing of this isolate runs any more.
void SystemIsolate::OnOutOfMemory(const char*, const v8::OOMDetails&, void* self) {
  auto* const host = static_cast<SystemIsolate*>(self);
  if (!host->IsCurrent()) return;  // another thread, which works for it: V8 ends the process
  host->ReachHeapLimit();
  host->has_run_out_of_memory_ = true;
  longjmp(host->out_of_memory_, 1);
}

size_t SystemIsolate::OnNearHeapLimit(void* self, size_t current_limit, size_t) {
  auto* const host = static_cast<SystemIsolate*>(self);
  if (current_limit < host->heap_limit_of_machine_) return host->heap_limit_of_machine_;
  if (host->IsSpawned()) {
    host->ReachHeapLimit();
  } else {
    host->heap_exhausted_ = true;
    host->isolate_->TerminateExecution();
  }
  // V8 leaves the check for termination out of some loops that only call its own functions. One
  // that goes on allocating gets no more, and V8 ends the process with its report of an exhausted
  // heap.
  if (host->heap_reserves_used_ == kHeapReserves) return current_limit;
  ++host->heap_reserves_used_;
  RuntimeMemoryStatistics memory = {};
  if (host->IsSpawned() && host->heap_reserves_used_ == 1) {
    host->kernel().memory_statistics(&memory);
  }
  return current_limit + std::max<size_t>(current_limit / 2, memory.free / kReserveShare);
}

}  // namespace runtime
