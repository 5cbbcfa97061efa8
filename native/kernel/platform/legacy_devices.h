// Devices at the addresses that every PC has them at: the text screen, the keyboard controller, and the
// framebuffer that a boot loader has set up.
#pragma once

#include <stdint.h>

#include "boot/boot_information.h"

namespace runtime {

/// Where VGA's text screen is.
constexpr uint64_t kLegacyTextMemory = 0xb8000;
constexpr uint64_t kLegacyTextMemorySize = 0x8000;

constexpr uint8_t kNoLegacyInterrupt = 0xff;

struct LegacyDevice {
  static constexpr unsigned kMaximumPorts = 8;

  uint32_t kind;  // RUNTIME_PLATFORM_DEVICE_*
  uint64_t memory;
  uint64_t memory_size;  // bytes, 0: it has no memory
  uint16_t ports[kMaximumPorts];
  uint32_t port_count;
  uint8_t interrupt;  // ISA numbering, or kNoLegacyInterrupt
  uint64_t mapped;    // where its memory is, 0: not mapped yet
};

/// Remembers the framebuffer. Once.
void legacy_devices_initialise(const BootFramebuffer& framebuffer);
/// How many of them the machine has; looks for them, once.
uint32_t legacy_device_count();
/// Null when there is none.
LegacyDevice* legacy_device(uint32_t index);
/// The framebuffer; `size()` is 0 when the loader has set none up.
const BootFramebuffer& legacy_framebuffer();
/// True when an adapter of VGA's kind answers, and shows text.
bool legacy_text_screen_is_present();

}  // namespace runtime
