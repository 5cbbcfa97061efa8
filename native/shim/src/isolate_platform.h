// Bare isolates on Node's V8 platform.
//
// Node's platform serves an isolate's foreground tasks from a libuv loop. A bare isolate has none,
// so it is registered with a delegate that names its own task runner
// (node::IsolatePlatformDelegate). Worker threads and jobs (garbage collection, compilation) stay
// Node's, shared with the app; for isolates that others have started see HelpingPlatform.
#ifndef RUNTIME_SHIM_ISOLATE_PLATFORM_H
#define RUNTIME_SHIM_ISOLATE_PLATFORM_H

#include <node.h>

#include <memory>

#include "foreground_tasks.h"

namespace runtime {

/**
 * Makes an isolate without Node. This V8 shares one read-only heap between all isolates of the
 * process, so all must come from the same snapshot: Node's, or V8's own where no isolate is Node's.
 *
 * @param platform Node's platform
 * @param snapshot the snapshot that the app's isolate was made from, which must outlive the isolate;
 * nullptr: V8's own
 * @param allocator for array buffers
 * @param delegate names the isolate's task runner; must outlive the isolate
 * @returns the isolate, to be freed with platform->DisposeIsolate(), or nullptr when V8 could not
 * make it
 */
v8::Isolate* NewBareIsolate(node::MultiIsolatePlatform* platform,
                            const node::EmbedderSnapshotData* snapshot,
                            std::shared_ptr<node::ArrayBufferAllocator> allocator,
                            node::IsolatePlatformDelegate* delegate);

/** Delegate of an isolate whose foreground tasks run in an event loop of ours. */
class ForegroundDelegate final : public node::IsolatePlatformDelegate {
 public:
  explicit ForegroundDelegate(std::shared_ptr<ForegroundTasks> tasks) : tasks_(std::move(tasks)) {}
  virtual ~ForegroundDelegate() = default;
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner() override { return tasks_; }
  bool IdleTasksEnabled() override { return false; }

 private:
  const std::shared_ptr<ForegroundTasks> tasks_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATE_PLATFORM_H
