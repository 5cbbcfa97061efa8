#include "acpi/fixed_button.h"

#include "acpi/fixed_description.h"
#include "acpi/host.h"
#include "acpi/power.h"
#include "acpi/tables.h"
#include "arch/x86_64/ports.h"
#include "lib/format.h"
#include "power/shutdown.h"

namespace runtime {

namespace {

constexpr uint16_t kPowerButton = 1u << 8;

FixedDescription description;

bool has_button() { return description.button_status_port != 0; }

}  // namespace

void fixed_button_latch() {
  const uint8_t* table;
  size_t size;
  if (!acpi_find_table("FACP", &table, &size) ||
      !parse_fixed_description(table, size, &description) || !has_button())
    return;
  out16(description.button_status_port, kPowerButton);  // the press that switched the machine on
  out16(description.button_enable_port,
        static_cast<uint16_t>(in16(description.button_enable_port) | kPowerButton));
}

bool fixed_button_look() {
  if (!has_button() || !(in16(description.button_status_port) & kPowerButton)) return false;
  out16(description.button_status_port, kPowerButton);
  power_button_pressed();
  return true;
}

uint32_t fixed_button_kept_enabled(uint16_t port, uint32_t value) {
  return has_button() && port == description.button_enable_port ? value | kPowerButton : value;
}

void fixed_button_listen_alone() {
  if (!has_button()) {
    log(LogLevel::Warn, "ACPI: the power button will not work");
    return;
  }
  (void)fixed_button_look();  // pressed before there was anybody to hear it
  power_enable_acpi_mode();
  if (!acpi_open_control_interrupt(description.interrupt)) {
    log(LogLevel::Debug, "ACPI: interrupt %u is listened to already", description.interrupt);
    return;
  }
  log(LogLevel::Info, "ACPI: of its events only the fixed power button is listened to");
}

}  // namespace runtime
