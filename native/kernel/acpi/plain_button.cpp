#include "acpi/plain_button.h"

#include "acpi/fixed_description.h"
#include "acpi/power.h"
#include "acpi/tables.h"
#include "arch/x86_64/ports.h"
#include "interrupts/device_interrupts.h"
#include "lib/format.h"
#include "power/shutdown.h"

namespace runtime {

namespace {

constexpr uint16_t kPowerButton = 1u << 8;
constexpr uint32_t kLegacyLines = 16;

FixedDescription description;

bool look(void*) {
  if (!(in16(description.button_status_port) & kPowerButton)) return false;
  out16(description.button_status_port, kPowerButton);
  power_button_pressed();
  return true;
}

}  // namespace

void plain_button_start() {
  const uint8_t* table;
  size_t size;
  if (!acpi_find_table("FACP", &table, &size) ||
      !parse_fixed_description(table, size, &description) || description.button_status_port == 0) {
    log(LogLevel::Warn, "ACPI: the power button will not work");
    return;
  }
  (void)look(nullptr);  // pressed before there was anybody to hear it
  const InterruptLine line = description.interrupt < kLegacyLines
                                 ? apic_line_of_legacy(description.interrupt)
                                 : InterruptLine{description.interrupt, true, false};
  // Enabled is the button since boot (latch_power_button); its interrupt comes in ACPI mode only.
  power_enable_acpi_mode();
  if (open_kernel_line(line, look, nullptr, nullptr).is_error()) {
    // ACPICA has the line: its handler of the fixed button needs no byte code.
    log(LogLevel::Debug, "ACPI: line %u is taken", line.number);
    return;
  }
  log(LogLevel::Info, "ACPI: of its events only the fixed power button is listened to");
}

}  // namespace runtime
