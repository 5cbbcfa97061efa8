// Where threads of an app in Node meet the system isolate.
#ifndef RUNTIME_SHIM_ISOLATES_CALLERS_H
#define RUNTIME_SHIM_ISOLATES_CALLERS_H

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "channel.h"

namespace runtime {

/**
 * Ends of channels on their way from an app's threads to the system isolate, which has several lives. Who calls between two
 * of them is heard by the next one. From any thread.
 */
class Callers {
 public:
  Callers() = default;
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;

  /** Leaves an end for the system isolate. @returns 0, or -EAGAIN when too many wait already */
  int32_t Call(Endpoint end);

  /** The system isolate takes them from now on: its mailbox gets news of those that wait. */
  void Listen(std::shared_ptr<Mailbox> mailbox);
  /** The next one; nothing when none waits, of which there are news again. */
  std::optional<Endpoint> Take();
  /** The script of this life has run. When it does not listen, callers learn that they call in vain. */
  void HasStarted();
  /** No life of the system isolate listens, until the next one does. */
  void Leave();

 private:
  void Refuse();

  std::mutex mutex_;  // guards all below
  std::deque<Endpoint> waiting_;
  std::shared_ptr<Mailbox> listener_;
  bool is_announced_ = false;
  bool is_refusing_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_CALLERS_H
