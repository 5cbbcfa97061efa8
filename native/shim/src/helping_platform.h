// V8's platform where isolates that others have started have their own share of its work.
#ifndef RUNTIME_SHIM_HELPING_PLATFORM_H
#define RUNTIME_SHIM_HELPING_PLATFORM_H

#include "forwarding_platform.h"
#include "isolates/helpers.h"

namespace runtime {

/**
 * V8 does a part of its work on the platform's threads, and does not say for which isolate. Who posts it tells: the thread
 * of an isolate, or one that works for it already. What is posted for an isolate that others have started goes to
 * Helpers, with its share, on its account; all else to Node's threads.
 *
 * Lives until the process ends.
 */
class HelpingPlatform final : public ForwardingPlatform {
 public:
  using ForwardingPlatform::ForwardingPlatform;

  int NumberOfWorkerThreads() override;

 protected:
  std::unique_ptr<v8::JobHandle> CreateJobImpl(v8::TaskPriority priority,
                                               std::unique_ptr<v8::JobTask> job,
                                               const v8::SourceLocation& location) override;
  void PostTaskOnWorkerThreadImpl(v8::TaskPriority priority, std::unique_ptr<v8::Task> task,
                                  const v8::SourceLocation& location) override;

 private:
  Helpers helpers_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_HELPING_PLATFORM_H
