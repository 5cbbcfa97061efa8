// A 16550 serial port at the first port's address, polled for output and interrupting for input.
// Source: National Semiconductor PC16550D data sheet.
#include "boot/console.h"

#include "arch/x86_64/ports.h"
#include "boot/console_port.h"
#include "lib/format.h"
#include "lib/types.h"
#include "linux/abi.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint16_t kBase = 0x3f8;
constexpr uint16_t kData = kBase + 0;             // RBR and THR; divisor low when DLAB
constexpr uint16_t kInterruptEnable = kBase + 1;  // IER; divisor high when DLAB
constexpr uint16_t kFifoControl = kBase + 2;
constexpr uint16_t kLineControl = kBase + 3;
constexpr uint16_t kModemControl = kBase + 4;
constexpr uint16_t kLineStatus = kBase + 5;
constexpr uint16_t kScratch = kBase + 7;

constexpr uint8_t kReceiveInterrupt = 0x01;
constexpr uint8_t kFifoEnable = 0x01;
constexpr uint8_t kFifoEnableAndClear = 0x07;
constexpr uint8_t kEightBitsNoParityOneStop = 0x03;
constexpr uint8_t kDivisorAccess = 0x80;
constexpr uint8_t kDivisor115200 = 1;
constexpr uint8_t kReadyAndInterruptGate = 0x0b;  // DTR, RTS, OUT2 (gates the interrupt line)
constexpr uint8_t kDataReady = 0x01;
constexpr uint8_t kOverrun = 0x02;
constexpr uint8_t kHoldingRegisterEmpty = 0x20;
constexpr uint8_t kTransmitterEmpty = 0x40;

constexpr size_t kFifoSize = 16;
/// Output of one call is not mixed with other output within pieces of this size; between them
/// interrupts get their turn.
constexpr size_t kUninterruptedOutput = 1024;
/// Polls before the output lock is let go for a moment, so that a host that does not read delays
/// this thread alone.
constexpr unsigned kPollsPerHold = 4096;
/// Holds in a row in which the port took nothing, before output is dropped: some seconds. Who does not read
/// for that long must not keep the app from its work.
constexpr unsigned kHoldsBeforeDropping = 2048;
/// Polls in a panic or a flush before the rest is given up.
constexpr unsigned kPollsBeforeGivingUp = 4 * 1000 * 1000;

SpinLock output_lock(LockRank::Log);
bool is_present = false;
bool is_panicking = false;
bool is_lent = false;  // atomic

/// What happened to output. Guarded by output_lock.
struct Output {
  unsigned idle_holds = 0;  // in a row
  uint64_t dropped = 0;     // since it was last said
  uint64_t dropped_in_all = 0;
};
Output output;

/// Bytes that arrived and nobody has read.
struct Input {
  static constexpr size_t kCapacity = 4096;
  char bytes[kCapacity] = {};
  uint64_t read = 0;
  uint64_t written = 0;
  ConsoleStatistics statistics = {0, 0, 0};
  bool is_kept = false;  // what has no room stays in the port
  bool is_full = false;  // and so does some now: the port does not interrupt
  int watched_key = -1;
  void (*pressed)() = nullptr;
};
SpinLock input_lock(LockRank::Log);
Input input;

bool wait_for(uint8_t status_bit, unsigned polls) {
  for (; polls; --polls) {
    if (in8(kLineStatus) & status_bit) return true;
    cpu_relax();
  }
  return false;
}

/// Sends as much of the text as the port accepts without a long wait; returns the count.
size_t send(const char* text, size_t size, unsigned polls) {
  size_t sent = 0;
  while (sent < size && wait_for(kHoldingRegisterEmpty, polls)) {
    const size_t burst = min_of(size - sent, kFifoSize);  // an empty FIFO takes this much unasked
    out8_string(kData, text + sent, burst);
    sent += burst;
  }
  return sent;
}

/// Somebody reads again after output was dropped: says how much, in a line of its own.
void tell_dropped() {
  char line[96];
  const size_t length = format(
      line, sizeof(line), "\r\n[runtime] %llu bytes were dropped: nobody read the serial line\r\n",
      static_cast<unsigned long long>(output.dropped));
  output.dropped = 0;
  send(line, length, kPollsPerHold);
}

/// Sends a piece, or drops it when the host has not read for long. Returns how many bytes are done with.
size_t send_or_drop(const char* text, size_t size) {
  if (output.idle_holds >= kHoldsBeforeDropping) {
    if (!wait_for(kHoldingRegisterEmpty, 1)) {
      output.dropped += size;
      output.dropped_in_all += size;
      return size;
    }
    output.idle_holds = 0;
    tell_dropped();
  }
  const size_t sent = send(text, size, kPollsPerHold);
  output.idle_holds = sent > 0 ? 0 : output.idle_holds + 1;
  return sent;
}

bool scratch_register_holds(uint8_t value) {
  out8(kScratch, value);
  return in8(kScratch) == value;
}

}  // namespace

void console_initialise() {
  // No port: the bus floats and reads as ones. QEMU without -serial has no port either.
  if (!scratch_register_holds(0x5a) || !scratch_register_holds(0xa5)) return;
  out8(kInterruptEnable, 0);
  out8(kLineControl, kDivisorAccess);
  out8(kData, kDivisor115200);
  out8(kInterruptEnable, 0);
  out8(kLineControl, kEightBitsNoParityOneStop);
  out8(kFifoControl, kFifoEnableAndClear);
  out8(kModemControl, kReadyAndInterruptGate);
  __atomic_store_n(&is_present, true, __ATOMIC_RELEASE);
}

bool console_is_present() { return __atomic_load_n(&is_present, __ATOMIC_ACQUIRE); }

void console_write(const char* text, size_t size) {
  if (!console_is_present()) return;
  if (__atomic_load_n(&is_panicking, __ATOMIC_RELAXED)) {
    send(text, size, kPollsBeforeGivingUp);
    return;
  }
  while (size) {
    size_t sent;
    {
      SpinGuard guard(output_lock);
      sent = send_or_drop(text, min_of(size, kUninterruptedOutput));
    }
    text += sent;
    size -= sent;
  }
}

void console_write_now(const char* text, size_t size) {
  if (console_is_present()) send(text, size, kPollsBeforeGivingUp);
}

void console_flush() {
  if (console_is_present()) wait_for(kTransmitterEmpty, kPollsBeforeGivingUp);
}

void console_enter_panic() { __atomic_store_n(&is_panicking, true, __ATOMIC_RELAXED); }

WaitQueue& console_input_queue() {
  static WaitQueue queue;  // made by the first call, which console_enable_receive makes
  return queue;
}

void console_enable_receive() {
  if (!console_is_present()) return;
  console_input_queue();
  out8(kInterruptEnable, kReceiveInterrupt);
  console_interrupt();  // bytes that came before raise no interrupt of their own
}

void console_interrupt() {
  if (!console_is_present() || console_is_lent()) return;
  bool arrived = false;
  void (*pressed)() = nullptr;
  {
    SpinGuard guard(input_lock);
    // Bounded, so that a port that always claims to have data cannot hold the CPU for ever.
    for (size_t taken = 0; taken < Input::kCapacity && !console_is_lent(); ++taken) {
      const uint8_t status = in8(kLineStatus);
      if (status & kOverrun) ++input.statistics.overruns;
      if (!(status & kDataReady)) break;
      if (input.is_kept && input.written - input.read == Input::kCapacity) {
        input.is_full = true;
        out8(kInterruptEnable, 0);
        break;
      }
      const char byte = static_cast<char>(in8(kData));
      if (static_cast<unsigned char>(byte) == input.watched_key) {
        pressed = input.pressed;
        continue;
      }
      arrived = true;
      if (input.written - input.read == Input::kCapacity) {
        ++input.statistics.dropped;
      } else {
        input.bytes[input.written++ % Input::kCapacity] = byte;
      }
    }
  }
  if (pressed) pressed();
  if (arrived) console_input_queue().wake_all(kPollIn | kPollReadNormal);
}

size_t console_read(char* buffer, size_t capacity) {
  size_t count = 0;
  bool has_room = false;
  {
    SpinGuard guard(input_lock);
    while (count < capacity && input.read != input.written) {
      buffer[count++] = input.bytes[input.read++ % Input::kCapacity];
    }
    if (input.is_full && count > 0) {
      input.is_full = false;
      has_room = true;
    }
  }
  if (has_room && !console_is_lent()) console_enable_receive();
  return count;
}

void console_keep_input(bool is_kept) {
  bool was_full = false;
  {
    SpinGuard guard(input_lock);
    input.is_kept = is_kept;
    if (!is_kept) {
      was_full = input.is_full;
      input.is_full = false;
    }
  }
  if (was_full && !console_is_lent()) console_enable_receive();
}

void console_watch_for(int key, void (*pressed)()) {
  SpinGuard guard(input_lock);
  input.watched_key = key;
  input.pressed = pressed;
}

void console_lend() {
  SpinGuard guard(input_lock);  // an interrupt on another CPU is over, or takes nothing
  __atomic_store_n(&is_lent, true, __ATOMIC_RELEASE);
  out8(kInterruptEnable, 0);
}

void console_take_back() {
  if (!console_is_lent()) return;
  __atomic_store_n(&is_lent, false, __ATOMIC_RELEASE);
  out8(kFifoControl, kFifoEnable);
  out8(kModemControl, kReadyAndInterruptGate);
  console_enable_receive();
}

bool console_is_lent() { return __atomic_load_n(&is_lent, __ATOMIC_ACQUIRE); }

size_t console_transmit(const char* bytes, size_t size) {
  if (!console_is_lent()) return 0;
  SpinGuard guard(output_lock);
  if (output.dropped > 0) {
    if (!wait_for(kHoldingRegisterEmpty, 1)) return 0;
    output.idle_holds = 0;
    tell_dropped();
  }
  return send(bytes, min_of(size, kUninterruptedOutput), 1);
}

bool console_has_input() {
  SpinGuard guard(input_lock);
  return input.read != input.written;
}

ConsoleStatistics console_statistics() {
  ConsoleStatistics statistics;
  {
    SpinGuard guard(input_lock);
    statistics = input.statistics;
  }
  SpinGuard guard(output_lock);
  statistics.unread = output.dropped_in_all;
  return statistics;
}

}  // namespace runtime
