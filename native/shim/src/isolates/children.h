// The isolates that one isolate has started.
#ifndef RUNTIME_SHIM_ISOLATES_CHILDREN_H
#define RUNTIME_SHIM_ISOLATES_CHILDREN_H

#include <node.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "channel.h"
#include "kernel_interface.h"
#include "spawned_isolate.h"

namespace runtime {

/**
 * Starts isolates, knows them by numbers that are used once, and ends those that are left when it is
 * destroyed. For one thread, the one of the isolate that starts them.
 */
class Children {
 public:
  /** @param platform Node's, as the snapshot is unless nullptr: both outlive this object */
  Children(const RuntimeKernelInterface& kernel, node::MultiIsolatePlatform* platform,
           const node::EmbedderSnapshotData* snapshot, std::shared_ptr<Mailbox> mailbox)
      : kernel_(kernel), platform_(platform), snapshot_(snapshot), mailbox_(std::move(mailbox)) {}
  ~Children();
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  /**
   * Starts an isolate.
   * @param channel the first channel that it has
   * @returns its number, or -errno: ENOENT without its script, EAGAIN or ENOMEM without a thread
   */
  int32_t Spawn(SpawnSettings settings, Endpoint channel);

  /** nullptr when there is none of that number. */
  SpawnedIsolate* Find(uint32_t id) const;

  /** Ends the isolate that has a device, and takes the device from it. The ending is told like any other. */
  void EndHolder(const DeviceGrant& device);

  /** Forgets one; when it still runs it is killed, and waited for. */
  void Release(uint32_t id) { isolates_.erase(id); }

 private:
  const RuntimeKernelInterface& kernel_;
  node::MultiIsolatePlatform* const platform_;
  const node::EmbedderSnapshotData* const snapshot_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::map<uint32_t, std::unique_ptr<SpawnedIsolate>> isolates_;
  uint32_t last_id_ = 0;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_CHILDREN_H
