#include "children.h"

#include <cerrno>
#include <limits>
#include <utility>

namespace runtime {

Children::~Children() {
  // All are told before the first is waited for.
  for (auto& [id, isolate] : isolates_) isolate->Kill("the isolate that had started it has ended");
}

int32_t Children::Spawn(SpawnSettings settings, Endpoint channel) {
  if (last_id_ == static_cast<uint32_t>(std::numeric_limits<int32_t>::max())) return -EAGAIN;
  const uint32_t id = ++last_id_;
  auto isolate = std::make_unique<SpawnedIsolate>(kernel_, platform_, snapshot_,
                                                  std::move(settings), mailbox_, id);
  const int32_t error = isolate->Start(std::move(channel));
  if (error < 0) return error;
  isolates_.emplace(id, std::move(isolate));
  return static_cast<int32_t>(id);
}

SpawnedIsolate* Children::Find(uint32_t id) const {
  const auto found = isolates_.find(id);
  return found == isolates_.end() ? nullptr : found->second.get();
}

void Children::EndHolder(const DeviceGrant& device) {
  for (const auto& [id, isolate] : isolates_) {
    if (isolate->device() == &device) isolate->End("its device was taken away");
  }
}

}  // namespace runtime
