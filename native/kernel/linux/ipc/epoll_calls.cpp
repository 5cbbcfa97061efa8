// epoll_create(2), epoll_ctl(2), epoll_wait(2).
#include "linux/fd_table.h"
#include "linux/ipc/epoll.h"
#include "linux/ipc/install.h"
#include "linux/ipc/readiness.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr int kAddOperation = 1;
constexpr int kDeleteOperation = 2;
constexpr int kModifyOperation = 3;

Result<uint64_t> create_epoll(bool close_on_exec) {
  RefPtr<File> epoll = RefPtr<File>::adopt(new Epoll());
  return install_file(epoll, close_on_exec);
}

/// EPOLLEXCLUSIVE goes with few other events and not with nested instances, epoll_ctl(2).
bool is_valid_exclusive(uint32_t events, File* target) {
  const uint32_t allowed =
      kPollIn | kPollOut | kPollAlways | kEpollWakeUp | kEpollEdgeTriggered | kEpollExclusive;
  return !(events & ~allowed) && target->kind() != File::Kind::Epoll;
}

Result<uint64_t> wait_for_events(int descriptor, UserPtr<void> events, int capacity,
                                 Deadline deadline) {
  if (capacity <= 0 || capacity > INT32_MAX / static_cast<int>(sizeof(EpollEvent))) {
    return Errno::Invalid;
  }
  Result<RefPtr<File>> file = fd_get(descriptor);
  if (file.is_error()) return file.error();
  if (file.value()->kind() != File::Kind::Epoll) return Errno::Invalid;
  Epoll* epoll = static_cast<Epoll*>(file.value().get());
  return epoll->wait(events.cast<EpollEvent>(), static_cast<size_t>(capacity), deadline);
}

Result<uint64_t> wait_with_mask(int descriptor, UserPtr<void> events, int capacity,
                                Deadline deadline, UserPtr<uint64_t> signal_mask,
                                uint64_t mask_size) {
  TemporarySignalMask mask;
  Result<void> applied = mask.apply(signal_mask, mask_size);
  if (applied.is_error()) return applied.error();
  Result<uint64_t> count = wait_for_events(descriptor, events, capacity, deadline);
  mask.finish(count.is_error() && count.error() == Errno::Interrupted);
  return count;
}

}  // namespace

Result<uint64_t> sys_epoll_create(int size) {
  if (size <= 0) return Errno::Invalid;
  return create_epoll(false);
}

Result<uint64_t> sys_epoll_create1(int flags) {
  if (flags & ~kOpenCloseOnExec) return Errno::Invalid;
  return create_epoll((flags & kOpenCloseOnExec) != 0);
}

Result<uint64_t> sys_epoll_ctl(int epoll, int operation, int descriptor, UserPtr<void> event) {
  EpollEvent wanted = {0, 0};
  if (operation != kDeleteOperation) {
    Result<EpollEvent> copied = event.cast<EpollEvent>().read();
    if (copied.is_error()) return copied.error();
    wanted = copied.value();
  }
  Result<RefPtr<File>> instance_file = fd_get(epoll);
  if (instance_file.is_error()) return instance_file.error();
  Result<RefPtr<File>> target = fd_get(descriptor);
  if (target.is_error()) return target.error();
  File* file = target.value().get();
  if (file->kind() != File::Kind::Epoll && !file->poll_queue()) return Errno::Perm;
  if (instance_file.value()->kind() != File::Kind::Epoll) return Errno::Invalid;
  if (instance_file.value() == target.value()) return Errno::Invalid;
  Epoll* instance = static_cast<Epoll*>(instance_file.value().get());

  Result<void> result;
  switch (operation) {
    case kAddOperation:
      if ((wanted.events & kEpollExclusive) && !is_valid_exclusive(wanted.events, file)) {
        return Errno::Invalid;
      }
      result = instance->add(target.value(), descriptor, wanted);
      break;
    case kDeleteOperation:
      result = instance->remove(file, descriptor);
      break;
    case kModifyOperation:
      result = instance->modify(file, descriptor, wanted);
      break;
    default:
      return Errno::Invalid;
  }
  if (result.is_error()) return result.error();
  return uint64_t{0};
}

Result<uint64_t> sys_epoll_wait(int epoll, UserPtr<void> events, int capacity,
                                int timeout_milliseconds) {
  return wait_for_events(epoll, events, capacity, deadline_of_milliseconds(timeout_milliseconds));
}

Result<uint64_t> sys_epoll_pwait(int epoll, UserPtr<void> events, int capacity,
                                 int timeout_milliseconds, UserPtr<uint64_t> signal_mask,
                                 uint64_t mask_size) {
  return wait_with_mask(epoll, events, capacity, deadline_of_milliseconds(timeout_milliseconds),
                        signal_mask, mask_size);
}

Result<uint64_t> sys_epoll_pwait2(int epoll, UserPtr<void> events, int capacity,
                                  UserPtr<TimeSpec> timeout, UserPtr<uint64_t> signal_mask,
                                  uint64_t mask_size) {
  Result<Deadline> deadline = deadline_of_timespec(timeout);
  if (deadline.is_error()) return deadline.error();
  return wait_with_mask(epoll, events, capacity, deadline.value(), signal_mask, mask_size);
}

}  // namespace runtime
