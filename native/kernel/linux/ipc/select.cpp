// select(2), pselect6(2).
#include "lib/vector.h"
#include "linux/fd_table.h"
#include "linux/ipc/readiness.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

constexpr int kSetCount = 3;  // read, write, except
constexpr uint32_t kPollReadBand = 0x080;
constexpr uint32_t kPollWriteBand = 0x200;
// Which poll(2) bits make a descriptor ready in each set, select(2) "Correspondence".
constexpr uint32_t kSetBits[kSetCount] = {
    kPollReadNormal | kPollReadBand | kPollIn | kPollHangUp | kPollError,
    kPollWriteBand | kPollWriteNormal | kPollOut | kPollError,
    kPollPriority,
};

/// One descriptor that occurs in a set.
struct SelectedFile {
  WatchedFile watched;
  int descriptor = -1;
  bool is_wanted[kSetCount] = {};
};

class SelectSet {
 public:
  Result<void> load(size_t count, const UserPtr<uint64_t> (&sets)[kSetCount]);
  /// Asks every file and marks the results; returns how many bits are set in them.
  uint64_t test();
  Result<void> store(const UserPtr<uint64_t> (&sets)[kSetCount]);
  Vector<SelectedFile> files;

 private:
  size_t words_ = 0;
  Vector<uint64_t> results_[kSetCount];
};

Result<void> SelectSet::load(size_t count, const UserPtr<uint64_t> (&sets)[kSetCount]) {
  words_ = (count + 63) / 64;
  Vector<uint64_t> wanted[kSetCount];
  for (int set = 0; set < kSetCount; ++set) {
    Result<void> result = wanted[set].resize(words_);
    if (result.is_error()) return result;
    result = results_[set].resize(words_);
    if (result.is_error()) return result;
    for (uint64_t& word : wanted[set]) word = 0;
    if (!sets[set]) continue;
    result = sets[set].read_array(wanted[set].data(), words_);
    if (result.is_error()) return result;
  }
  for (size_t descriptor = 0; descriptor < count; ++descriptor) {
    const size_t word = descriptor / 64;
    const uint64_t bit = 1ull << (descriptor % 64);
    if (!((wanted[0][word] | wanted[1][word] | wanted[2][word]) & bit)) continue;
    SelectedFile selected;
    Result<RefPtr<File>> file = fd_get(static_cast<int>(descriptor));
    if (file.is_error()) return file.error();
    selected.watched.file = file.take();
    selected.descriptor = static_cast<int>(descriptor);
    for (int set = 0; set < kSetCount; ++set) {
      if (!(wanted[set][word] & bit)) continue;
      selected.is_wanted[set] = true;
      selected.watched.wanted |= kSetBits[set];
    }
    Result<void> pushed = files.push(move(selected));
    if (pushed.is_error()) return pushed;
  }
  return {};
}

uint64_t SelectSet::test() {
  uint64_t count = 0;
  for (int set = 0; set < kSetCount; ++set) {
    for (uint64_t& word : results_[set]) word = 0;
  }
  for (SelectedFile& selected : files) {
    const uint32_t events = selected.watched.file->poll_events();
    for (int set = 0; set < kSetCount; ++set) {
      if (!selected.is_wanted[set] || !(events & kSetBits[set])) continue;
      results_[set][static_cast<size_t>(selected.descriptor) / 64] |= 1ull
                                                                      << (selected.descriptor % 64);
      ++count;
    }
  }
  return count;
}

Result<void> SelectSet::store(const UserPtr<uint64_t> (&sets)[kSetCount]) {
  for (int set = 0; set < kSetCount; ++set) {
    if (!sets[set]) continue;
    Result<void> copied = sets[set].write_array(results_[set].data(), words_);
    if (copied.is_error()) return copied;
  }
  return {};
}

Result<uint64_t> select_descriptors(int count, const UserPtr<uint64_t> (&sets)[kSetCount],
                                    Deadline deadline) {
  if (count < 0) return Errno::Invalid;
  SelectSet set;
  Result<void> loaded = set.load(static_cast<size_t>(min_of(count, kMaximumDescriptors)), sets);
  if (loaded.is_error()) return loaded.error();
  uint64_t ready = set.test();
  WaitResult waited = WaitResult::Ready;
  if (ready == 0 && !deadline.has_passed()) {
    ReadinessWaiter waiter;
    for (SelectedFile& selected : set.files) selected.watched.listen(&waiter);
    do {
      waiter.begin();
      ready = set.test();
      if (ready > 0) break;
      waited = waiter.sleep(deadline);
    } while (waited == WaitResult::Ready);
    if (ready == 0) ready = set.test();
    for (SelectedFile& selected : set.files) selected.watched.stop();
  }
  if (ready == 0 && waited == WaitResult::Interrupted) return Errno::Interrupted;
  Result<void> stored = set.store(sets);
  if (stored.is_error()) return stored.error();
  return ready;
}

/// The last argument of pselect6: a pointer and a size.
struct SizedSignalMask {
  uint64_t address;
  uint64_t size;
};

}  // namespace

/// Updates `timeout` with the time that is left, as Linux does.
Result<uint64_t> sys_select(int count, UserPtr<uint64_t> read_set, UserPtr<uint64_t> write_set,
                            UserPtr<uint64_t> except_set, UserPtr<TimeValue> timeout) {
  Deadline deadline = Deadline::never();
  if (timeout) {
    Result<TimeValue> time = timeout.read();
    if (time.is_error()) return time.error();
    const int64_t million = 1000000;
    if (time.value().seconds < 0 || time.value().microseconds < 0) return Errno::Invalid;
    // Unlike a timespec, the fraction need not be normalised.
    const int64_t seconds = time.value().seconds + time.value().microseconds / million;
    if (seconds < INT64_MAX / static_cast<int64_t>(kNanosecondsPerSecond)) {
      deadline = Deadline::after(static_cast<uint64_t>(seconds) * kNanosecondsPerSecond +
                                 static_cast<uint64_t>(time.value().microseconds % million) * 1000);
    }
  }
  const UserPtr<uint64_t> sets[kSetCount] = {read_set, write_set, except_set};
  Result<uint64_t> ready = select_descriptors(count, sets, deadline);
  if (timeout && !deadline.is_never()) {
    const TimeSpec left = time_left(deadline);
    Result<void> updated = timeout.write(TimeValue{left.seconds, left.nanoseconds / 1000});
    (void)updated;  // select(2): a timeout in read-only memory is no error
  }
  return ready;
}

/// Updates `timeout` with the time that is left, as Linux does.
Result<uint64_t> sys_pselect6(int count, UserPtr<uint64_t> read_set, UserPtr<uint64_t> write_set,
                              UserPtr<uint64_t> except_set, UserPtr<TimeSpec> timeout,
                              UserPtr<uint64_t> signal_mask) {
  SizedSignalMask sized = {0, sizeof(uint64_t)};
  if (signal_mask) {
    Result<SizedSignalMask> copied = signal_mask.cast<SizedSignalMask>().read();
    if (copied.is_error()) return copied.error();
    sized = copied.value();
  }
  Result<Deadline> deadline = deadline_of_timespec(timeout);
  if (deadline.is_error()) return deadline.error();
  TemporarySignalMask mask;
  Result<void> applied = mask.apply(UserPtr<uint64_t>(sized.address), sized.size);
  if (applied.is_error()) return applied.error();
  const UserPtr<uint64_t> sets[kSetCount] = {read_set, write_set, except_set};
  Result<uint64_t> ready = select_descriptors(count, sets, deadline.value());
  mask.finish(ready.is_error() && ready.error() == Errno::Interrupted);
  write_time_left(timeout, deadline.value());
  return ready;
}

}  // namespace runtime
