#include "linux/ipc/readiness.h"

#include "linux/ipc/epoll.h"
#include "linux/signals.h"

namespace runtime {

bool listen_for_readiness(File* file, WaitEntry* entry) {
  if (file->kind() == File::Kind::Epoll) {
    static_cast<Epoll*>(file)->add_listener(entry);
    return true;
  }
  WaitQueue* queue = file->poll_queue();
  if (!queue) return false;
  queue->add(entry);
  return true;
}

void stop_listening(File* file, WaitEntry* entry) {
  if (file->kind() == File::Kind::Epoll) {
    static_cast<Epoll*>(file)->remove_listener(entry);
  } else {
    file->poll_queue()->remove(entry);
  }
}

WaitResult ReadinessWaiter::sleep(Deadline deadline) {
  sleeper_.prepare();
  // Ordered after prepare: a wake-up before it is in is_woken_, a later one keeps sleep awake.
  if (__atomic_load_n(&is_woken_, __ATOMIC_SEQ_CST)) return WaitResult::Ready;
  return sleeper_.sleep(deadline, true);
}

namespace {

bool wake_watcher(WaitEntry* entry, uint32_t events) {
  WatchedFile* watched = static_cast<WatchedFile*>(entry->context);
  if (events && !(events & watched->wanted)) return false;
  watched->waiter->wake();
  return true;
}

}  // namespace

void WatchedFile::listen(ReadinessWaiter* new_waiter) {
  waiter = new_waiter;
  entry.callback = wake_watcher;
  entry.context = this;
  is_listening = listen_for_readiness(file.get(), &entry);
}

void WatchedFile::stop() {
  if (is_listening) stop_listening(file.get(), &entry);
  is_listening = false;
}

Result<void> TemporarySignalMask::apply(UserPtr<uint64_t> mask, uint64_t mask_size) {
  if (!mask) return {};
  if (mask_size != sizeof(uint64_t)) return Errno::Invalid;
  Result<uint64_t> wanted = mask.read();
  if (wanted.is_error()) return wanted.error();
  old_mask_ = set_signal_mask(wanted.value());
  is_applied_ = true;
  return {};
}

void TemporarySignalMask::finish(bool was_interrupted) {
  if (!is_applied_) return;
  if (was_interrupted) {
    restore_signal_mask_after_handler(old_mask_);
  } else {
    set_signal_mask(old_mask_);
  }
}

Deadline deadline_of_milliseconds(int milliseconds) {
  if (milliseconds < 0) return Deadline::never();
  return Deadline::after(static_cast<uint64_t>(milliseconds) * kNanosecondsPerMillisecond);
}

Result<Deadline> deadline_of_timespec(UserPtr<TimeSpec> timeout) {
  if (!timeout) return Deadline::never();
  Result<TimeSpec> time = timeout.read();
  if (time.is_error()) return time.error();
  const TimeSpec& value = time.value();
  const int64_t second = static_cast<int64_t>(kNanosecondsPerSecond);
  if (value.seconds < 0 || value.nanoseconds < 0 || value.nanoseconds >= second) {
    return Errno::Invalid;
  }
  if (value.seconds >= INT64_MAX / second) return Deadline::never();
  return Deadline::after(static_cast<uint64_t>(value.seconds * second + value.nanoseconds));
}

TimeSpec time_left(Deadline deadline) {
  const uint64_t now = monotonic_nanoseconds();
  const uint64_t left = deadline.at > now ? deadline.at - now : 0;
  return TimeSpec{static_cast<int64_t>(left / kNanosecondsPerSecond),
                  static_cast<int64_t>(left % kNanosecondsPerSecond)};
}

void write_time_left(UserPtr<TimeSpec> timeout, Deadline deadline) {
  if (!timeout || deadline.is_never()) return;
  Result<void> written = timeout.write(time_left(deadline));
  (void)written;
}

}  // namespace runtime
