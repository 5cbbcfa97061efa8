#include "app_preload.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "file.h"
#include "freezing.h"
#include "freezing_node.h"
#include "kernel.h"
#include "memory_watch.h"

namespace runtime {
namespace {

using v8::Context;
using v8::Function;
using v8::Local;
using v8::String;
using v8::Value;

// The preload is part of the base: when it fails the base is broken, and an app that ran without it
// would fail later in stranger ways.
[[noreturn]] void Fail(v8::Isolate* isolate, const v8::TryCatch& caught) {
  const String::Utf8Value text(isolate, caught.Exception());
  std::fprintf(stderr, "%s failed, the base is broken: %s\n", kPreloadPath,
               *text == nullptr ? "no message" : *text);
  std::_Exit(1);
}

// The id as a Uint32Array over the kernel's memory; undefined when the machine has none.
Local<Value> GenerationId(v8::Isolate* isolate, const RuntimeKernelInterface& kernel) {
  RuntimeMemoryRange range;
  if (kernel.generation_id(&range) != 0) return v8::Undefined(isolate);
  auto memory = v8::ArrayBuffer::NewBackingStore(
      reinterpret_cast<void*>(range.address), range.size, [](void*, size_t, void*) {}, nullptr);
  return v8::Uint32Array::New(v8::ArrayBuffer::New(isolate, std::move(memory)), 0,
                              range.size / sizeof(uint32_t));
}

void Run(const std::string& source, const RuntimeKernelInterface& kernel,
         node::Environment* environment, Local<Value> process, Local<Value> require) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope handle_scope(isolate);
  const v8::TryCatch caught(isolate);
  node::AddEnvironmentCleanupHook(
      isolate, [](void* watched) { delete static_cast<MemoryWatched*>(watched); },
      new MemoryWatched(isolate));
  const Local<Context> context = node::GetMainContext(environment);
  Local<String> text;
  Local<Function> function;
  if (!String::NewFromUtf8(isolate, source.data(), v8::NewStringType::kNormal,
                           static_cast<int>(source.size()))
           .ToLocal(&text)) {
    Fail(isolate, caught);
  }
  const v8::ScriptOrigin origin(String::NewFromUtf8Literal(isolate, kPreloadPath));
  v8::ScriptCompiler::Source compiled(text, origin);
  Local<String> parameters[] = {String::NewFromUtf8Literal(isolate, "process"),
                                String::NewFromUtf8Literal(isolate, "require"),
                                String::NewFromUtf8Literal(isolate, "generation"),
                                String::NewFromUtf8Literal(isolate, "isResumed")};
  // Workers come later: only the app's own environment is there to be frozen.
  const bool is_resumed = IsToBeFrozen(kernel);
  // All that can be compiled before a process is frozen need not be compiled on each machine.
  const auto options =
      is_resumed ? v8::ScriptCompiler::kEagerCompile : v8::ScriptCompiler::kNoCompileOptions;
  if (!v8::ScriptCompiler::CompileFunction(context, &compiled, std::size(parameters), parameters, 0,
                                           nullptr, options)
           .ToLocal(&function)) {
    Fail(isolate, caught);
  }
  if (is_resumed) FreezeNode(kernel, environment, process, require);
  Local<Value> arguments[] = {process, require, GenerationId(isolate, kernel),
                              v8::Boolean::New(isolate, is_resumed)};
  if (function->Call(context, v8::Undefined(isolate), std::size(arguments), arguments).IsEmpty()) {
    Fail(isolate, caught);
  }
}

}  // namespace

node::EmbedderPreloadCallback AppPreload(const RuntimeKernelInterface& kernel) {
  std::optional<std::string> text = ReadFile(kPreloadPath);
  if (!text.has_value()) {
    std::fprintf(stderr, "%s cannot be read (%s): child_process will fail less helpfully.\n",
                 kPreloadPath, std::strerror(errno));
    return nullptr;
  }
  // Workers call it from their own threads, possibly after RunApp() has returned.
  const auto source = std::make_shared<const std::string>(*std::move(text));
  return [source, &kernel](node::Environment* environment, Local<Value> process,
                           Local<Value> require) {
    Run(*source, kernel, environment, process, require);
  };
}

}  // namespace runtime
