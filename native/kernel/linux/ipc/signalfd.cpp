// signalfd(2): signals that are read like files.
#include "linux/fd_table.h"
#include "linux/ipc/install.h"
#include "linux/ipc/pollable_file.h"
#include "linux/signals.h"
#include "linux/system_calls.h"

namespace runtime {

namespace {

/// struct signalfd_siginfo.
struct SignalRecord {
  uint32_t signal;
  int32_t error;
  int32_t code;
  uint32_t process;
  uint32_t user;
  int32_t descriptor;
  uint32_t timer_id;
  uint32_t band;
  uint32_t overrun;
  uint32_t trap_number;
  int32_t status;
  int32_t value;
  uint64_t pointer;
  uint64_t user_time;
  uint64_t system_time;
  uint64_t address;
  uint16_t address_lsb;
  uint8_t padding[46];
};
static_assert(sizeof(SignalRecord) == 128, "struct signalfd_siginfo is 128 bytes");

constexpr SignalSet kNeverTaken = signal_bit(kSignalKill) | signal_bit(kSignalStop);

bool is_fault(int signal) {
  return signal == kSignalIllegal || signal == kSignalTrap || signal == kSignalBus ||
         signal == kSignalFloat || signal == kSignalSegmentation;
}

SignalRecord record_of(const SignalInfo& info) {
  SignalRecord record;
  memset(&record, 0, sizeof(record));
  record.signal = static_cast<uint32_t>(info.signal);
  record.error = info.error;
  record.code = info.code;
  // si_code says which member of the union is set: positive ones of these signals are faults.
  if (info.code > 0 && is_fault(info.signal)) {
    record.address = info.fault.address;
  } else {
    record.process = static_cast<uint32_t>(info.sender.process);
    record.user = info.sender.user;
    record.value = static_cast<int32_t>(info.sender.value);
    record.pointer = info.sender.value;
  }
  return record;
}

class SignalFd : public AnonymousFile {
 public:
  SignalFd(SignalSet mask, int status_flags)
      : AnonymousFile(status_flags, "[signalfd]"), mask_(mask) {}

  /// Takes as many pending signals as fit, at least one, waiting for it.
  Result<size_t> read(IoBuffer& buffer) override {
    if (buffer.remaining() < sizeof(SignalRecord)) return Errno::Invalid;
    size_t size = 0;
    while (buffer.remaining() >= sizeof(SignalRecord)) {
      SignalInfo info;
      if (!take_pending_signal(mask(), &info)) {
        if (size > 0) break;
        if (is_non_blocking()) return Errno::Again;
        const WaitResult waited = signal_wait_queue().wait([this] { return poll_events() != 0; });
        if (waited != WaitResult::Ready) return Errno::Restart;
        continue;
      }
      const SignalRecord record = record_of(info);
      Result<void> copied = buffer.put(&record, sizeof(record));
      if (copied.is_error()) {
        if (size > 0) break;
        return copied.error();
      }
      size += sizeof(record);
    }
    return size;
  }

  uint32_t poll_events() override { return pending_signals() & mask() ? kPollIn : 0; }
  WaitQueue* poll_queue() override { return &signal_wait_queue(); }
  Kind kind() const override { return Kind::SignalFd; }

  void set_mask(SignalSet mask) {
    __atomic_store_n(&mask_, mask, __ATOMIC_RELEASE);
    signal_wait_queue().wake_all();
  }

 private:
  SignalSet mask() const { return __atomic_load_n(&mask_, __ATOMIC_ACQUIRE); }

  SignalSet mask_;  // atomic
};

}  // namespace

Result<uint64_t> sys_signalfd4(int descriptor, UserPtr<uint64_t> mask, uint64_t mask_size,
                               int flags) {
  if (mask_size != sizeof(SignalSet)) return Errno::Invalid;
  if (flags & ~(kOpenNonBlocking | kOpenCloseOnExec)) return Errno::Invalid;
  Result<uint64_t> wanted = mask.read();
  if (wanted.is_error()) return wanted.error();
  const SignalSet signals = wanted.value() & ~kNeverTaken;
  if (descriptor != -1) {
    Result<RefPtr<File>> existing = fd_get(descriptor);
    if (existing.is_error()) return existing.error();
    if (existing.value()->kind() != File::Kind::SignalFd) return Errno::Invalid;
    static_cast<SignalFd*>(existing.value().get())->set_mask(signals);
    return static_cast<uint64_t>(descriptor);
  }
  const int status_flags = kOpenReadWrite | (flags & kOpenNonBlocking);
  RefPtr<File> file = RefPtr<File>::adopt(new SignalFd(signals, status_flags));
  return install_file(file, (flags & kOpenCloseOnExec) != 0);
}

Result<uint64_t> sys_signalfd(int descriptor, UserPtr<uint64_t> mask, uint64_t mask_size) {
  return sys_signalfd4(descriptor, mask, mask_size, 0);
}

}  // namespace runtime
