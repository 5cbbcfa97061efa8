// Source: National Semiconductor PC16550D data sheet.
#include "platform/serial_ports.h"

#include "arch/x86_64/ports.h"
#include "boot/console.h"
#include "boot/console_port.h"
#include "interrupts/apic.h"
#include "interrupts/device_interrupts.h"
#include "lib/format.h"

namespace runtime {

namespace {

constexpr uint32_t kPorts = 2;
constexpr uint16_t kData = 0;
constexpr uint16_t kInterruptEnable = 1;
constexpr uint16_t kLineControl = 3;
constexpr uint16_t kLineStatus = 5;
constexpr uint16_t kScratch = 7;
constexpr uint32_t kRegisters = 8;

constexpr uint8_t kDataReady = 0x01;
constexpr uint8_t kBreak = 0x10;
constexpr uint8_t kErrors = 0x0e | kBreak;  // overrun, parity, framing
constexpr uint8_t kHoldingRegisterEmpty = 0x20;
constexpr size_t kFifoSize = 16;
/// Bytes of one call: interrupts wait meanwhile.
constexpr size_t kMostAtOnce = 1024;

struct Port {
  uint16_t base;
  unsigned legacy_line;
  bool is_searched;
  bool is_present;
  bool is_open;  // atomic: opened and closed by its driver's thread
};
Port ports[kPorts] = {{0x3f8, kConsoleInterrupt, false, false, false},
                      {0x2f8, 3, false, false, false}};

bool is_boot_console(uint32_t port) { return port == 0; }

bool holds(uint16_t base, uint8_t value) {
  out8(static_cast<uint16_t>(base + kScratch), value);
  return in8(static_cast<uint16_t>(base + kScratch)) == value;
}

Port* open_port(uint32_t port) {
  return port < kPorts && __atomic_load_n(&ports[port].is_open, __ATOMIC_ACQUIRE) ? &ports[port]
                                                                                  : nullptr;
}

/// Says how much was typed, since this was last said, that nobody read in time.
void tell_dropped() {
  static uint64_t told = 0;
  const uint64_t dropped = console_statistics().dropped;
  if (dropped == told) return;
  log(LogLevel::Warn, "serial: %llu bytes of input were dropped: the app did not read",
      static_cast<unsigned long long>(dropped - told));
  told = dropped;
}

uint16_t address(const Port& port, uint32_t number) {
  return static_cast<uint16_t>(port.base + number);
}

}  // namespace

uint32_t serial_port_count() { return kPorts; }

SerialPortState serial_port_state(uint32_t port) {
  if (port >= kPorts) return SerialPortState::Absent;
  if (is_boot_console(port)) {
    return console_is_present() ? SerialPortState::BootConsole : SerialPortState::Absent;
  }
  Port& found = ports[port];
  if (!found.is_searched) found.is_present = holds(found.base, 0x5a) && holds(found.base, 0xa5);
  found.is_searched = true;
  return found.is_present ? SerialPortState::Present : SerialPortState::Absent;
}

Result<uint32_t> serial_open(uint32_t port) {
  if (serial_port_state(port) == SerialPortState::Absent) return Errno::NoDevice;
  Port& found = ports[port];
  if (open_port(port)) return Errno::Busy;
  Result<uint32_t> interrupt = open_line_interrupt(apic_line_of_legacy(found.legacy_line));
  if (interrupt.is_error()) return interrupt;
  __atomic_store_n(&found.is_open, true, __ATOMIC_RELEASE);
  if (is_boot_console(port)) {
    console_lend();
    tell_dropped();
  }
  return interrupt;
}

uint32_t serial_read(uint32_t port, uint32_t number) {
  const Port* const found = open_port(port);
  return found && number < kRegisters ? in8(address(*found, number)) : 0xff;
}

void serial_write(uint32_t port, uint32_t number, uint32_t value) {
  const Port* const found = open_port(port);
  if (!found || number >= kRegisters) return;
  // Who writes here would cut lines of the log, or change the speed below the kernel's feet.
  if (is_boot_console(port) && (number == kData || number == kLineControl)) return;
  out8(address(*found, number), static_cast<uint8_t>(value));
}

size_t serial_transmit(uint32_t port, const char* bytes, size_t size) {
  const Port* const found = open_port(port);
  if (!found) return 0;
  if (is_boot_console(port)) return console_transmit(bytes, size);
  size_t sent = 0;
  while (sent < size && sent < kMostAtOnce &&
         (in8(address(*found, kLineStatus)) & kHoldingRegisterEmpty)) {
    const size_t burst = min_of(size - sent, kFifoSize);
    out8_string(address(*found, kData), bytes + sent, burst);
    sent += burst;
  }
  return sent;
}

size_t serial_receive(uint32_t port, char* buffer, size_t capacity, uint32_t* errors) {
  const Port* const found = open_port(port);
  if (!found) return 0;
  size_t count = is_boot_console(port) ? console_read(buffer, capacity) : 0;
  while (count < capacity) {
    const uint8_t status = in8(address(*found, kLineStatus));
    *errors |= status & kErrors;
    if (!(status & kDataReady)) break;
    const char byte = static_cast<char>(in8(address(*found, kData)));
    if (byte == 0 && (status & kBreak)) continue;  // a break is no byte
    buffer[count++] = byte;
  }
  return count;
}

void serial_close(uint32_t port) {
  Port* const found = open_port(port);
  if (!found) return;
  out8(address(*found, kInterruptEnable), 0);
  __atomic_store_n(&found->is_open, false, __ATOMIC_RELEASE);
  if (!is_boot_console(port)) return;
  apic_route_legacy(kConsoleInterrupt);
  console_take_back();
}

void serial_close_all() {
  for (uint32_t port = 0; port < kPorts; ++port) serial_close(port);
}

}  // namespace runtime
