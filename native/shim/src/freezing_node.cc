#include "freezing_node.h"

#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>

#include "file.h"
#include "freezing.h"

namespace runtime {
namespace {

using v8::Context;
using v8::Function;
using v8::Local;
using v8::Promise;
using v8::String;
using v8::Value;

constexpr char kPreparePath[] = "/lib/runtime/prepare.cjs";
constexpr uint64_t kPatienceNanoseconds = 60'000'000'000;

[[noreturn]] void Fail(v8::Isolate* isolate, Local<Value> error) {
  const String::Utf8Value text(isolate, error);
  std::fprintf(stderr, "%s failed, so the process cannot be frozen: %s\n", kPreparePath,
               *text == nullptr ? "no message" : *text);
  std::_Exit(1);
}

// A callback of the event loop leaves Node's queues alone here, as it runs inside another one.
void DrainQueues(v8::Isolate* isolate, Local<Context> context, Local<v8::Object> process) {
  Local<Value> drain;
  if (process->Get(context, String::NewFromUtf8Literal(isolate, "_tickCallback")).ToLocal(&drain) &&
      drain->IsFunction()) {
    (void)drain.As<Function>()->Call(context, process, 0, nullptr).IsEmpty();
  }
}

void Prepare(const RuntimeKernelInterface& kernel, v8::Isolate* isolate, Local<Context> context,
             node::MultiIsolatePlatform* platform, Local<Value> process, Local<Value> require) {
  const v8::TryCatch caught(isolate);
  const std::optional<std::string> source = ReadFile(kPreparePath);
  if (!source.has_value()) Fail(isolate, String::NewFromUtf8Literal(isolate, "it cannot be read"));
  Local<String> text;
  Local<Function> function;
  Local<Value> prepared;
  const Local<v8::Object> outcome = v8::Object::New(isolate);
  const v8::ScriptOrigin origin(String::NewFromUtf8Literal(isolate, kPreparePath));
  Local<String> parameters[] = {String::NewFromUtf8Literal(isolate, "process"),
                                String::NewFromUtf8Literal(isolate, "require"),
                                String::NewFromUtf8Literal(isolate, "outcome")};
  Local<Value> arguments[] = {process, require, outcome};
  if (!String::NewFromUtf8(isolate, source->data(), v8::NewStringType::kNormal,
                           static_cast<int>(source->size()))
           .ToLocal(&text)) {
    Fail(isolate, caught.Exception());
  }
  v8::ScriptCompiler::Source compiled(text, origin);
  if (!v8::ScriptCompiler::CompileFunction(context, &compiled, std::size(parameters), parameters)
           .ToLocal(&function) ||
      function->Call(context, v8::Undefined(isolate), std::size(arguments), arguments).IsEmpty() ||
      !outcome->Get(context, String::NewFromUtf8Literal(isolate, "prepared")).ToLocal(&prepared)) {
    Fail(isolate, caught.Exception());
  }
  const Local<Promise> promise = prepared.As<Promise>();
  const uint64_t begun = uv_hrtime();
  while (promise->State() == Promise::kPending) {
    if (uv_hrtime() - begun > kPatienceNanoseconds) {
      Fail(isolate, String::NewFromUtf8Literal(isolate, "it does not end"));
    }
    DrainQueues(isolate, context, process.As<v8::Object>());
    uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    platform->DrainTasks(isolate);
  }
  if (promise->State() == Promise::kRejected) Fail(isolate, promise->Result());
  if (!AwaitFrozenThreads(kernel)) std::_Exit(1);
  // The collector forgets what was compiled and does not run.
  CollectBeforeFreezing(isolate);
  Local<Value> compile;
  if (!outcome->Get(context, String::NewFromUtf8Literal(isolate, "compile")).ToLocal(&compile) ||
      compile.As<Function>()->Call(context, outcome, 0, nullptr).IsEmpty()) {
    Fail(isolate, caught.Exception());
  }
}

// Whether the image says how large the heap may become.
bool IsHeapLimited() {
  for (const char* const file : {"/proc/self/cmdline", "/proc/self/environ"}) {
    const std::optional<std::string> text = ReadFile(file);
    if (!text.has_value()) continue;
    for (const char* const option : {"max-old-space-size", "max_old_space_size", "max-heap-size"}) {
      if (text->find(option) != std::string::npos) return true;
    }
  }
  return false;
}

struct HeapOfMachine {
  v8::Isolate* isolate;
  size_t limit;
};

// V8 lets a heap's limit grow in this callback only. Afterwards it is what it would have been.
size_t RaiseHeapLimit(void* data, size_t current_limit, size_t) {
  auto* const heap = static_cast<HeapOfMachine*>(data);
  heap->isolate->RemoveNearHeapLimitCallback(RaiseHeapLimit, 0);
  return std::max(current_limit, heap->limit);
}

}  // namespace

void FreezeNode(const RuntimeKernelInterface& kernel, node::Environment* environment,
                Local<Value> process, Local<Value> require) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope handle_scope(isolate);
  const Local<Context> context = node::GetMainContext(environment);
  const Context::Scope scope(context);
  Prepare(kernel, isolate, context, node::GetMultiIsolatePlatform(environment), process, require);
  if (!FreezeProcess(kernel)) std::_Exit(1);
  TakeVariables(isolate);
  if (!IsHeapLimited()) {
    static HeapOfMachine heap;
    heap = {isolate, HeapLimitOfMachine(kernel)};
    isolate->AddNearHeapLimitCallback(RaiseHeapLimit, &heap);
  }
}

}  // namespace runtime
