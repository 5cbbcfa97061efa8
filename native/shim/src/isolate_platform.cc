#include "isolate_platform.h"

#include <v8-cppgc.h>

#include <utility>

#include "forwarding_platform.h"

namespace runtime {
namespace {

// node::NewIsolate() registers the isolate with the platform that it is given, and with a libuv
// loop. This platform stands in for Node's during that call: it registers the delegate instead and
// passes all else on.
class DelegatingPlatform final : public ForwardingPlatform {
 public:
  DelegatingPlatform(node::MultiIsolatePlatform* inner, node::IsolatePlatformDelegate* delegate)
      : ForwardingPlatform(inner), delegate_(delegate) {}

  void RegisterIsolate(v8::Isolate* isolate, uv_loop_s*) override {
    inner()->RegisterIsolate(isolate, delegate_);
  }

 private:
  node::IsolatePlatformDelegate* const delegate_;
};

}  // namespace

v8::Isolate* NewBareIsolate(node::MultiIsolatePlatform* platform,
                            const node::EmbedderSnapshotData* snapshot,
                            std::shared_ptr<node::ArrayBufferAllocator> allocator,
                            node::IsolatePlatformDelegate* delegate) {
  DelegatingPlatform delegating(platform, delegate);
  node::IsolateSettings settings;
  // Node's own callbacks read slots that only a context of Node's has; ours is bare.
  settings.flags = node::SHOULD_NOT_SET_PROMISE_REJECTION_CALLBACK |
                   node::SHOULD_NOT_SET_PREPARE_STACK_TRACE_CALLBACK;
  settings.policy = v8::MicrotasksPolicy::kExplicit;
  settings.should_abort_on_uncaught_exception_callback = [](v8::Isolate*) { return false; };
  settings.allow_wasm_code_generation_callback = [](v8::Local<v8::Context>, v8::Local<v8::String>) {
    return true;
  };
  settings.modify_code_generation_from_strings_callback = [](v8::Local<v8::Context>,
                                                             v8::Local<v8::Value>, bool) {
    return v8::ModifyCodeGenerationFromStringsResult{};  // refused
  };
  // The heap keeps its platform: give it the lasting one, not the stand-in.
  settings.cpp_heap = v8::CppHeap::Create(platform, v8::CppHeapCreateParams({})).release();
  return node::NewIsolate(std::move(allocator), nullptr, &delegating, snapshot, settings);
}

}  // namespace runtime
