// Between the host's scheduling and signals.
#pragma once

namespace host {

/// A pending signal that the calling thread does not block.
bool has_deliverable_signal();
/// Lets sleepers look at their conditions again.
void wake_all_sleepers();

}  // namespace host
