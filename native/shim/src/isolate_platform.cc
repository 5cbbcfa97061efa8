#include "isolate_platform.h"

#include <v8-cppgc.h>

#include <utility>

namespace runtime {
namespace {

// node::NewIsolate() registers the isolate with the platform that it is given, and with a libuv
// loop. This platform stands in for Node's during that call: it registers the delegate instead and
// passes all else on.
class DelegatingPlatform final : public node::MultiIsolatePlatform {
 public:
  DelegatingPlatform(node::MultiIsolatePlatform* inner, node::IsolatePlatformDelegate* delegate)
      : inner_(inner), delegate_(delegate) {}

  void RegisterIsolate(v8::Isolate* isolate, uv_loop_s*) override {
    inner_->RegisterIsolate(isolate, delegate_);
  }
  void RegisterIsolate(v8::Isolate* isolate, node::IsolatePlatformDelegate* delegate) override {
    inner_->RegisterIsolate(isolate, delegate);
  }
  void UnregisterIsolate(v8::Isolate* isolate) override { inner_->UnregisterIsolate(isolate); }
  void AddIsolateFinishedCallback(v8::Isolate* isolate, void (*callback)(void*),
                                  void* data) override {
    inner_->AddIsolateFinishedCallback(isolate, callback, data);
  }
  bool FlushForegroundTasks(v8::Isolate* isolate) override {
    return inner_->FlushForegroundTasks(isolate);
  }
  void DrainTasks(v8::Isolate* isolate) override { inner_->DrainTasks(isolate); }

  v8::PageAllocator* GetPageAllocator() override { return inner_->GetPageAllocator(); }
  v8::ThreadIsolatedAllocator* GetThreadIsolatedAllocator() override {
    return inner_->GetThreadIsolatedAllocator();
  }
  void OnCriticalMemoryPressure() override { inner_->OnCriticalMemoryPressure(); }
  int NumberOfWorkerThreads() override { return inner_->NumberOfWorkerThreads(); }
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner(v8::Isolate* isolate,
                                                          v8::TaskPriority priority) override {
    return inner_->GetForegroundTaskRunner(isolate, priority);
  }
  bool IdleTasksEnabled(v8::Isolate* isolate) override { return inner_->IdleTasksEnabled(isolate); }
  double MonotonicallyIncreasingTime() override { return inner_->MonotonicallyIncreasingTime(); }
  double CurrentClockTimeMillis() override { return inner_->CurrentClockTimeMillis(); }
  StackTracePrinter GetStackTracePrinter() override { return inner_->GetStackTracePrinter(); }
  v8::TracingController* GetTracingController() override { return inner_->GetTracingController(); }

 protected:
  std::unique_ptr<v8::JobHandle> CreateJobImpl(v8::TaskPriority priority,
                                               std::unique_ptr<v8::JobTask> job,
                                               const v8::SourceLocation& location) override {
    return inner_->CreateJob(priority, std::move(job), location);
  }
  void PostTaskOnWorkerThreadImpl(v8::TaskPriority priority, std::unique_ptr<v8::Task> task,
                                  const v8::SourceLocation& location) override {
    inner_->PostTaskOnWorkerThread(priority, std::move(task), location);
  }
  void PostDelayedTaskOnWorkerThreadImpl(v8::TaskPriority priority, std::unique_ptr<v8::Task> task,
                                         double delay_in_seconds,
                                         const v8::SourceLocation& location) override {
    inner_->PostDelayedTaskOnWorkerThread(priority, std::move(task), delay_in_seconds, location);
  }

 private:
  node::MultiIsolatePlatform* const inner_;
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
