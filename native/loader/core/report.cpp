// Sources: National Semiconductor PC16550D data sheet; QEMU's isa-debugcon; Intel PIIX4 (reset control).
#include "core/report.h"

namespace loader {

namespace {

void out8(uint16_t port, uint8_t value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

constexpr uint16_t kSerial = 0x3f8;
constexpr uint16_t kLineStatus = kSerial + 5;
constexpr uint8_t kHoldingRegisterEmpty = 0x20;
constexpr unsigned kPolls = 100000;
constexpr uint16_t kDebugConsole = 0xe9;
constexpr uint16_t kResetControl = 0xcf9;
constexpr uint16_t kKeyboardController = 0x64;

void print_debug(const char* text) {
  for (; *text; ++text) out8(kDebugConsole, static_cast<uint8_t>(*text));
}

}  // namespace

void print_serial(const char* text) {
  if (in8(kLineStatus) == 0xff) return;  // no such port
  for (; *text; ++text) {
    for (unsigned i = 0; i < kPolls && !(in8(kLineStatus) & kHoldingRegisterEmpty); ++i) continue;
    out8(kSerial, static_cast<uint8_t>(*text));
  }
}

void report_status(const char* problem) {
  print_debug("{\"code\":1,\"reason\":\"boot: ");
  print_debug(problem);
  print_debug("\"}\n");
}

void reset_machine() {
  out8(kResetControl, 0x02);
  out8(kResetControl, 0x06);
  out8(kKeyboardController, 0xfe);
  for (;;) asm volatile("cli; hlt");
}

}  // namespace loader
