// eventfd(2): a counter that threads wait for.
#pragma once

#include "linux/file.h"

namespace runtime {

/// A description with that count; null when there is no memory.
RefPtr<File> make_event_file(uint64_t count, bool is_semaphore, int status_flags);

}  // namespace runtime
