// A V8 platform that passes everything on to another one.
#ifndef RUNTIME_SHIM_FORWARDING_PLATFORM_H
#define RUNTIME_SHIM_FORWARDING_PLATFORM_H

#include <node.h>
#include <v8-platform.h>

#include <memory>
#include <utility>

namespace runtime {

/** For platforms that do a part differently. */
class ForwardingPlatform : public node::MultiIsolatePlatform {
 public:
  /** @param inner outlives this object */
  explicit ForwardingPlatform(node::MultiIsolatePlatform* inner) : inner_(inner) {}

  void RegisterIsolate(v8::Isolate* isolate, uv_loop_s* loop) override {
    inner_->RegisterIsolate(isolate, loop);
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
  std::unique_ptr<v8::ScopedBoostablePriority> CreateBoostablePriorityScope() override {
    return inner_->CreateBoostablePriorityScope();
  }
  std::unique_ptr<v8::ScopedBlockingCall> CreateBlockingScope(v8::BlockingType type) override {
    return inner_->CreateBlockingScope(type);
  }
  double MonotonicallyIncreasingTime() override { return inner_->MonotonicallyIncreasingTime(); }
  double CurrentClockTimeMillis() override { return inner_->CurrentClockTimeMillis(); }
  StackTracePrinter GetStackTracePrinter() override { return inner_->GetStackTracePrinter(); }
  v8::TracingController* GetTracingController() override { return inner_->GetTracingController(); }

 protected:
  node::MultiIsolatePlatform* inner() const { return inner_; }

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
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_FORWARDING_PLATFORM_H
