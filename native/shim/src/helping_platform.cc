#include "helping_platform.h"

#include <libplatform/libplatform.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace runtime {
namespace {

/**
 * Who works for a job that belongs to no isolate alone, as V8's compilation does: whoever works for it takes what comes
 * next, for whichever isolate. While somebody waits who has no share of an isolate, they have as much as that one.
 */
class JobWorkers {
 public:
  void Enter(IsolateThreads& whose) {
    const std::lock_guard lock(mutex_);
    workers_.push_back({&whose, gettid()});
    if (waiting_ > 0) whose.SetRaised(gettid(), true);
  }
  void Leave(IsolateThreads& whose) {
    const std::lock_guard lock(mutex_);
    std::erase_if(workers_, [](const Worker& each) { return each.thread == gettid(); });
    whose.SetRaised(gettid(), false);
  }
  void Raise() {
    const std::lock_guard lock(mutex_);
    for (const Worker& worker : workers_) worker.whose->SetRaised(worker.thread, true);
  }
  void BeginWait() {
    ++waiting_;
    Raise();
  }
  void EndWait() { --waiting_; }

 private:
  struct Worker {
    IsolateThreads* whose;
    pid_t thread;
  };

  std::mutex mutex_;
  std::vector<Worker> workers_;  // guarded by mutex_
  std::atomic<int> waiting_ = 0;
};

class CommonJob final : public v8::JobTask {
 public:
  CommonJob(std::unique_ptr<v8::JobTask> job, std::shared_ptr<JobWorkers> workers)
      : job_(std::move(job)), workers_(std::move(workers)) {}

  void Run(v8::JobDelegate* delegate) override {
    IsolateThreads* const whose = IsolateThreads::Current();
    if (whose != nullptr) workers_->Enter(*whose);
    job_->Run(delegate);
    if (whose != nullptr) workers_->Leave(*whose);
  }
  size_t GetMaxConcurrency(size_t worker_count) const override {
    return job_->GetMaxConcurrency(worker_count);
  }

 private:
  const std::unique_ptr<v8::JobTask> job_;
  const std::shared_ptr<JobWorkers> workers_;
};

class CommonJobHandle final : public v8::JobHandle {
 public:
  CommonJobHandle(std::unique_ptr<v8::JobHandle> handle, std::shared_ptr<JobWorkers> workers)
      : handle_(std::move(handle)), workers_(std::move(workers)) {}

  void NotifyConcurrencyIncrease() override {
    if (IsolateThreads::Current() == nullptr) workers_->Raise();
    handle_->NotifyConcurrencyIncrease();
  }
  void Join() override {
    const Wait wait(*workers_);
    handle_->Join();
  }
  void Cancel() override {
    const Wait wait(*workers_);
    handle_->Cancel();
  }
  void CancelAndDetach() override { handle_->CancelAndDetach(); }
  bool IsActive() override { return handle_->IsActive(); }
  bool IsValid() override { return handle_->IsValid(); }
  bool UpdatePriorityEnabled() const override { return handle_->UpdatePriorityEnabled(); }
  void UpdatePriority(v8::TaskPriority priority) override { handle_->UpdatePriority(priority); }

 private:
  class Wait {
   public:
    explicit Wait(JobWorkers& workers) : workers_(workers) {
      if (is_ours_) workers_.BeginWait();
    }
    ~Wait() {
      if (is_ours_) workers_.EndWait();
    }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    JobWorkers& workers_;
    const bool is_ours_ = IsolateThreads::Current() == nullptr;
  };

  const std::unique_ptr<v8::JobHandle> handle_;
  const std::shared_ptr<JobWorkers> workers_;
};

}  // namespace

// One at a time works for an isolate, see Helpers.
int HelpingPlatform::NumberOfWorkerThreads() {
  return IsolateThreads::Current() == nullptr ? inner()->NumberOfWorkerThreads() : 1;
}

std::unique_ptr<v8::JobHandle> HelpingPlatform::CreateJobImpl(v8::TaskPriority priority,
                                                              std::unique_ptr<v8::JobTask> job,
                                                              const v8::SourceLocation&) {
  // The job posts a task for each thread that it wants, here.
  const auto threads = static_cast<size_t>(NumberOfWorkerThreads());
  if (IsolateThreads::Current() != nullptr) {
    return v8::platform::NewDefaultJobHandle(this, priority, std::move(job), threads);
  }
  const auto workers = std::make_shared<JobWorkers>();
  return std::make_unique<CommonJobHandle>(
      v8::platform::NewDefaultJobHandle(
          this, priority, std::make_unique<CommonJob>(std::move(job), workers), threads),
      workers);
}

void HelpingPlatform::PostTaskOnWorkerThreadImpl(v8::TaskPriority priority,
                                                 std::unique_ptr<v8::Task> task,
                                                 const v8::SourceLocation& location) {
  IsolateThreads* const whose = IsolateThreads::Current();
  if (whose != nullptr && helpers_.Post(*whose, task)) return;
  ForwardingPlatform::PostTaskOnWorkerThreadImpl(priority, std::move(task), location);
}

}  // namespace runtime
