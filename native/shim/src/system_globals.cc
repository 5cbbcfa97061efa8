#include "system_globals.h"

#include <v8.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace runtime {
namespace {

using v8::Function;
using v8::FunctionCallbackInfo;
using v8::Local;
using v8::Value;

constexpr double kNanosecondsPerMillisecond = 1e6;
// Longest delay: 2^31 - 1 ms, the limit that timers have in browsers and in Node. A longer one is
// cut to this, not to nothing as there.
constexpr double kLongestDelay = 2147483647.0;
// An interval of less would keep the loop from ever waiting.
constexpr double kShortestInterval = 1.0;

bool GetCallback(const FunctionCallbackInfo<Value>& info, const char* name,
                 Local<Function>* callback) {
  if (info[0]->IsFunction()) {
    *callback = info[0].As<Function>();
    return true;
  }
  const std::string text = std::string(name) + ": argument 'callback' must be a function";
  info.GetIsolate()->ThrowException(v8::Exception::TypeError(
      v8::String::NewFromUtf8(info.GetIsolate(), text.c_str()).ToLocalChecked()));
  return false;
}

TimerHost& Host(const FunctionCallbackInfo<Value>& info) {
  return *static_cast<TimerHost*>(
      info.Data().As<v8::External>()->Value(v8::kExternalPointerTypeTagDefault));
}

void AddTimer(const FunctionCallbackInfo<Value>& info, const char* name, bool repeat) {
  v8::Isolate* const isolate = info.GetIsolate();
  Local<Function> callback;
  if (!GetCallback(info, name, &callback)) return;
  double delay = 0;
  if (!info[1]->IsUndefined() && !info[1]->NumberValue(isolate->GetCurrentContext()).To(&delay)) {
    return;  // the conversion has thrown
  }
  if (std::isnan(delay)) delay = 0;
  delay = std::clamp(delay, repeat ? kShortestInterval : 0.0, kLongestDelay);
  const uint64_t nanoseconds = static_cast<uint64_t>(delay * kNanosecondsPerMillisecond);
  Timers::Timer timer;
  timer.callback.Reset(isolate, callback);
  for (int index = 2; index < info.Length(); ++index) {
    timer.arguments.emplace_back(isolate, info[index]);
  }
  TimerHost& host = Host(info);
  timer.deadline = host.kernel.monotonic_nanoseconds() + nanoseconds;
  timer.interval = repeat ? nanoseconds : 0;
  info.GetReturnValue().Set(host.timers.Add(std::move(timer)));
}

void SetTimeout(const FunctionCallbackInfo<Value>& info) { AddTimer(info, "setTimeout", false); }

void SetInterval(const FunctionCallbackInfo<Value>& info) { AddTimer(info, "setInterval", true); }

// Clears either kind, as the HTML standard has it. Whatever is not an id is ignored.
void ClearTimer(const FunctionCallbackInfo<Value>& info) {
  if (info[0]->IsUint32()) Host(info).timers.Remove(info[0].As<v8::Uint32>()->Value());
}

void QueueMicrotask(const FunctionCallbackInfo<Value>& info) {
  Local<Function> callback;
  if (GetCallback(info, "queueMicrotask", &callback)) {
    info.GetIsolate()->EnqueueMicrotask(callback);
  }
}

}  // namespace

bool InstallSystemGlobals(Local<v8::Context> context, TimerHost* host) {
  static constexpr struct {
    const char* name;
    v8::FunctionCallback callback;
  } kFunctions[] = {{"setTimeout", SetTimeout},
                    {"setInterval", SetInterval},
                    {"clearTimeout", ClearTimer},
                    {"clearInterval", ClearTimer},
                    {"queueMicrotask", QueueMicrotask}};
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const Local<Value> data = v8::External::New(isolate, host, v8::kExternalPointerTypeTagDefault);
  for (const auto& [name, callback] : kFunctions) {
    Local<v8::String> key;
    Local<Function> function;
    if (!v8::String::NewFromUtf8(isolate, name, v8::NewStringType::kInternalized).ToLocal(&key) ||
        !Function::New(context, callback, data, 0, v8::ConstructorBehavior::kThrow)
             .ToLocal(&function)) {
      return false;
    }
    function->SetName(key);
    // Not enumerable, like every global function of ECMAScript.
    if (!context->Global()
             ->DefineOwnProperty(context, key, function, v8::DontEnum)
             .FromMaybe(false)) {
      return false;
    }
  }
  return true;
}

}  // namespace runtime
