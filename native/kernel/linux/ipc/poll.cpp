// poll(2), ppoll(2).
#include "lib/vector.h"
#include "linux/fd_table.h"
#include "linux/ipc/readiness.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

/// struct pollfd.
struct PollDescriptor {
  int32_t descriptor;
  uint16_t events;
  uint16_t results;
};

struct PollSet {
  Vector<PollDescriptor> descriptors;
  Vector<WatchedFile> files;  // same index; no file for negative and bad descriptors

  Result<void> load(UserPtr<PollDescriptor> source, size_t count);
  /// Asks every file; returns how many descriptors have results.
  uint64_t test();
  Result<void> store(UserPtr<PollDescriptor> target);
};

Result<void> PollSet::load(UserPtr<PollDescriptor> source, size_t count) {
  Result<void> result = descriptors.resize(count);
  if (result.is_error()) return result;
  result = files.resize(count);
  if (result.is_error()) return result;
  result = source.read_array(descriptors.data(), count);
  if (result.is_error()) return result;
  for (size_t i = 0; i < count; ++i) {
    PollDescriptor& item = descriptors[i];
    item.results = 0;
    if (item.descriptor < 0) continue;
    Result<RefPtr<File>> file = fd_get(item.descriptor);
    if (file.is_error()) {
      item.results = kPollInvalid;
      continue;
    }
    files[i].file = file.take();
    files[i].wanted = item.events | kPollAlways;
  }
  return {};
}

uint64_t PollSet::test() {
  uint64_t count = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].file) {
      descriptors[i].results =
          static_cast<uint16_t>(files[i].file->poll_events() & files[i].wanted);
    }
    if (descriptors[i].results) ++count;
  }
  return count;
}

Result<void> PollSet::store(UserPtr<PollDescriptor> target) {
  return target.write_array(descriptors.data(), descriptors.size());
}

Result<uint64_t> poll_descriptors(UserPtr<PollDescriptor> descriptors, uint64_t count,
                                  Deadline deadline) {
  if (count > kMaximumDescriptors) return Errno::Invalid;
  PollSet set;
  Result<void> loaded = set.load(descriptors, count);
  if (loaded.is_error()) return loaded.error();
  uint64_t ready = set.test();
  WaitResult waited = WaitResult::Ready;
  if (ready == 0 && !deadline.has_passed()) {
    ReadinessWaiter waiter;
    for (WatchedFile& watched : set.files) {
      if (watched.file) watched.listen(&waiter);
    }
    do {
      waiter.begin();
      ready = set.test();
      if (ready > 0) break;
      waited = waiter.sleep(deadline);
    } while (waited == WaitResult::Ready);
    if (ready == 0) ready = set.test();
    for (WatchedFile& watched : set.files) watched.stop();
  }
  if (ready == 0 && waited == WaitResult::Interrupted) return Errno::Interrupted;
  Result<void> stored = set.store(descriptors);
  if (stored.is_error()) return stored.error();
  return ready;
}

}  // namespace

Result<uint64_t> sys_poll(UserPtr<void> descriptors, uint64_t count, int timeout_milliseconds) {
  return poll_descriptors(descriptors.cast<PollDescriptor>(), count,
                          deadline_of_milliseconds(timeout_milliseconds));
}

/// Updates `timeout` with the time that is left, as Linux does.
Result<uint64_t> sys_ppoll(UserPtr<void> descriptors, uint64_t count, UserPtr<TimeSpec> timeout,
                           UserPtr<uint64_t> signal_mask, uint64_t mask_size) {
  Result<Deadline> deadline = deadline_of_timespec(timeout);
  if (deadline.is_error()) return deadline.error();
  TemporarySignalMask mask;
  Result<void> applied = mask.apply(signal_mask, mask_size);
  if (applied.is_error()) return applied.error();
  Result<uint64_t> ready =
      poll_descriptors(descriptors.cast<PollDescriptor>(), count, deadline.value());
  mask.finish(ready.is_error() && ready.error() == Errno::Interrupted);
  write_time_left(timeout, deadline.value());
  return ready;
}

}  // namespace runtime
