// Waiting for files to become ready: what poll, select and epoll_wait are made of.
#pragma once

#include "linux/file.h"
#include "sched/wait_queue.h"

namespace runtime {

/// Bits that poll(2) and epoll(7) report whether asked for or not.
constexpr uint32_t kPollAlways = kPollError | kPollHangUp;

/// Tells `entry` when the readiness of `file` may have changed, until stop_listening. Keeps no
/// reference: the caller sees to it that the file stays. Returns false, and does nothing, for
/// files that are always ready.
bool listen_for_readiness(File* file, WaitEntry* entry);
/// Ends listen_for_readiness; afterwards no callback is under way.
void stop_listening(File* file, WaitEntry* entry);

/// The calling thread, waiting for any of several things. Unlike a bare Sleeper it remembers a
/// wake-up until `begin`, so that conditions may be tested by code that itself sleeps (a mutex).
///
///   waiter.begin(); test everything, leave when something is ready; waiter.sleep(); repeat.
class ReadinessWaiter {
 public:
  void begin() { __atomic_store_n(&is_woken_, false, __ATOMIC_SEQ_CST); }
  /// Records a wake-up. Usable in interrupt context and under locks up to rank Timer.
  void wake() {
    __atomic_store_n(&is_woken_, true, __ATOMIC_SEQ_CST);
    sleeper_.wake();
  }
  /// Sleeps unless there was a wake-up since `begin`. May return Ready early.
  WaitResult sleep(Deadline deadline);

 private:
  Sleeper sleeper_;
  bool is_woken_ = false;
};

/// One file that a ReadinessWaiter waits for. Must not move while it is linked.
struct WatchedFile {
  RefPtr<File> file;
  uint32_t wanted = 0;  // poll(2) bits that count
  ReadinessWaiter* waiter = nullptr;
  WaitEntry entry;
  bool is_listening = false;

  /// Starts waking `waiter` when one of the wanted bits may have become true.
  void listen(ReadinessWaiter* waiter);
  void stop();
};

/// Replaces the signal mask for the time of one call: ppoll, pselect6 and epoll_pwait.
class TemporarySignalMask {
 public:
  TemporarySignalMask() = default;
  TemporarySignalMask(const TemporarySignalMask&) = delete;
  TemporarySignalMask& operator=(const TemporarySignalMask&) = delete;

  /// Puts the mask at `mask` in force; null leaves the mask alone. Errors: Invalid when
  /// `mask_size` is not 8, Fault.
  Result<void> apply(UserPtr<uint64_t> mask, uint64_t mask_size);
  /// Restores the old mask; after an interruption only once the handler has run.
  void finish(bool was_interrupted);

 private:
  uint64_t old_mask_ = 0;
  bool is_applied_ = false;
};

/// Deadline of a timeout in milliseconds; negative means never.
Deadline deadline_of_milliseconds(int milliseconds);
/// Deadline of a relative timespec in application memory; null means never. Errors: Invalid when
/// it is negative or not normalised, Fault.
Result<Deadline> deadline_of_timespec(UserPtr<TimeSpec> timeout);
/// Time left until `deadline`, 0 when it passed.
TimeSpec time_left(Deadline deadline);
/// Writes the time left back to `timeout`, unless it is null or never. A timeout in read-only
/// memory is no error: the call has happened already.
void write_time_left(UserPtr<TimeSpec> timeout, Deadline deadline);

}  // namespace runtime
