// Gives memory back when the machine runs short of it: what the allocator keeps for later, then what isolates
// have not collected. V8 and malloc(3) grow as if there were as much as the machine has, of which the image takes
// a part.
#ifndef RUNTIME_SHIM_MEMORY_WATCH_H
#define RUNTIME_SHIM_MEMORY_WATCH_H

#include <v8.h>

#include "kernel.h"

namespace runtime {

/** Starts the thread that does it, for the rest of the process. The log says so when it cannot be started. */
void WatchMemory(const RuntimeKernelInterface& kernel);

/** Asks no isolate from now on: V8's platform, which they are asked through, may go away after it. */
void StopWatchingMemory();

/** An isolate that collects its garbage when memory is short, while this lives: no longer than the isolate. */
class MemoryWatched {
 public:
  explicit MemoryWatched(v8::Isolate* isolate);
  ~MemoryWatched();
  MemoryWatched(const MemoryWatched&) = delete;
  MemoryWatched& operator=(const MemoryWatched&) = delete;

 private:
  v8::Isolate* const isolate_;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_MEMORY_WATCH_H
