// Sources: IBM VGA technical reference (CRT controller, graphics controller), Intel 8042 data sheet.
#include "platform/legacy_devices.h"

#include <kernel_interface.h>

#include "arch/x86_64/ports.h"

namespace runtime {

namespace {

constexpr uint16_t kCrtIndex = 0x3d4;
constexpr uint16_t kCrtData = 0x3d5;
constexpr uint8_t kCrtCursorLow = 0x0f;
constexpr uint16_t kGraphicsIndex = 0x3ce;
constexpr uint16_t kGraphicsData = 0x3cf;
constexpr uint8_t kGraphicsMiscellaneous = 6;
constexpr uint8_t kIsGraphics = 0x01;
constexpr uint8_t kMemoryMap = 0x0c;      // which window the adapter answers in;
constexpr uint8_t kMemoryMapText = 0x0c;  // both bits: 0xb8000 to 0xbffff

constexpr uint16_t kKeyboardData = 0x60;
constexpr uint16_t kKeyboardStatus = 0x64;
constexpr uint8_t kKeyboardInterrupt = 1;
constexpr uint8_t kNothing = 0xff;  // what a bus without a device reads as

constexpr uint32_t kMaximumDevices = 3;

LegacyDevice devices[kMaximumDevices];
uint32_t device_count = 0;
bool is_searched = false;
BootFramebuffer framebuffer;

void add(const LegacyDevice& device) { devices[device_count++] = device; }

/// The register that holds the cursor's place keeps any value; without an adapter it keeps none.
bool crt_controller_answers() {
  out8(kCrtIndex, kCrtCursorLow);
  if (in8(kCrtIndex) != kCrtCursorLow) return false;
  const uint8_t before = in8(kCrtData);
  bool answers = true;
  const uint8_t probes[] = {0x5a, 0xa5};
  for (const uint8_t probe : probes) {
    out8(kCrtData, probe);
    answers = in8(kCrtData) == probe && answers;
  }
  out8(kCrtData, before);
  return answers;
}

}  // namespace

void legacy_devices_initialise(const BootFramebuffer& from_loader) { framebuffer = from_loader; }

const BootFramebuffer& legacy_framebuffer() { return framebuffer; }

bool legacy_text_screen_is_present() {
  if (framebuffer.size() || !crt_controller_answers()) return false;
  out8(kGraphicsIndex, kGraphicsMiscellaneous);
  const uint8_t miscellaneous = in8(kGraphicsData);
  return !(miscellaneous & kIsGraphics) && (miscellaneous & kMemoryMap) == kMemoryMapText;
}

uint32_t legacy_device_count() {
  if (is_searched) return device_count;
  is_searched = true;
  if (framebuffer.size())
    add({RUNTIME_PLATFORM_DEVICE_FRAMEBUFFER,
         framebuffer.address,
         framebuffer.size(),
         {},
         0,
         kNoLegacyInterrupt,
         0});
  if (legacy_text_screen_is_present())
    add({RUNTIME_PLATFORM_DEVICE_TEXT_SCREEN,
         kLegacyTextMemory,
         kLegacyTextMemorySize,
         {kCrtIndex, kCrtData},
         2,
         kNoLegacyInterrupt,
         0});
  if (in8(kKeyboardStatus) != kNothing)
    add({RUNTIME_PLATFORM_DEVICE_KEYBOARD_CONTROLLER,
         0,
         0,
         {kKeyboardData, kKeyboardStatus},
         2,
         kKeyboardInterrupt,
         0});
  return device_count;
}

LegacyDevice* legacy_device(uint32_t index) {
  return index < legacy_device_count() ? &devices[index] : nullptr;
}

}  // namespace runtime
