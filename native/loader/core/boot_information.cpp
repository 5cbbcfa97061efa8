#include "core/boot_information.h"

namespace loader {

namespace {

constexpr size_t kTagHeader = 8;
constexpr uint32_t kTagCommandLine = 1;
constexpr uint32_t kTagLoaderName = 2;
constexpr uint32_t kTagModule = 3;
constexpr uint32_t kTagMemoryMap = 6;
constexpr uint32_t kTagFramebuffer = 8;
constexpr uint32_t kTagAcpiOld = 14;
constexpr uint32_t kTagAcpiNew = 15;
constexpr uint32_t kTagEfiMemoryMap = 17;

size_t length_of(const char* text) {
  size_t length = 0;
  while (text[length]) ++length;
  return length;
}

}  // namespace

BootInformation::BootInformation(void* buffer, size_t capacity)
    : start_(static_cast<uint8_t*>(buffer)), capacity_(capacity) {}

uint8_t* BootInformation::add(uint32_t type, size_t size) {
  const size_t whole = kTagHeader + size;
  if (capacity_ - used_ < align_up(whole, size_t{8}) + kTagHeader) {
    fits_ = false;
    return nullptr;
  }
  uint8_t* const tag = start_ + used_;
  store<uint32_t>(tag, type);
  store<uint32_t>(tag + 4, static_cast<uint32_t>(whole));
  used_ += align_up(whole, size_t{8});
  return tag + kTagHeader;
}

void BootInformation::add_text(uint32_t type, const char* text) {
  const size_t size = length_of(text) + 1;
  if (uint8_t* to = add(type, size)) memcpy(to, text, size);
}

void BootInformation::add_command_line(const char* text) { add_text(kTagCommandLine, text); }
void BootInformation::add_loader_name(const char* text) { add_text(kTagLoaderName, text); }

void BootInformation::add_module(uint64_t start, uint64_t end) {
  uint8_t* const to = add(kTagModule, 12);
  if (!to) return;
  store(to, static_cast<uint32_t>(start));
  store(to + 4, static_cast<uint32_t>(end));
  store<uint32_t>(to + 8, 0);  // its command line is empty
}

void BootInformation::add_memory_map(const MemoryRange* ranges, uint32_t count) {
  uint8_t* const to = add(kTagMemoryMap, 8 + count * sizeof(MemoryRange));
  if (!to) return;
  store<uint32_t>(to, sizeof(MemoryRange));
  store<uint32_t>(to + 4, 0);
  memcpy(to + 8, ranges, count * sizeof(MemoryRange));
}

void BootInformation::add_framebuffer(const Framebuffer& framebuffer) {
  constexpr uint8_t kDirectColour = 1;
  uint8_t* const to = add(kTagFramebuffer, 30);
  if (!to) return;
  store(to, framebuffer.address);
  store(to + 8, framebuffer.pitch);
  store(to + 12, framebuffer.width);
  store(to + 16, framebuffer.height);
  to[20] = framebuffer.bits_per_pixel;
  to[21] = kDirectColour;
  store<uint16_t>(to + 22, 0);
  to[24] = framebuffer.red.position;
  to[25] = framebuffer.red.size;
  to[26] = framebuffer.green.position;
  to[27] = framebuffer.green.size;
  to[28] = framebuffer.blue.position;
  to[29] = framebuffer.blue.size;
}

void BootInformation::add_acpi_root(const uint8_t* root) {
  constexpr size_t kRevisionAt = 15;
  const bool is_new = root[kRevisionAt] >= 2;
  const size_t size = is_new ? 36 : 20;
  if (uint8_t* to = add(is_new ? kTagAcpiNew : kTagAcpiOld, size)) memcpy(to, root, size);
}

uint8_t* BootInformation::begin_efi_memory_map(size_t capacity) {
  if (capacity_ - used_ < 2 * kTagHeader + 8 + align_up(capacity, size_t{8})) return nullptr;
  return start_ + used_ + kTagHeader + 8;
}

void BootInformation::end_efi_memory_map(size_t size, uint32_t descriptor_size,
                                         uint32_t descriptor_version) {
  uint8_t* const to = add(kTagEfiMemoryMap, 8 + size);
  if (!to) return;
  store(to, descriptor_size);
  store(to + 4, descriptor_version);
}

bool BootInformation::finish() {
  // add() has kept room for this tag of type 0.
  store<uint32_t>(start_ + used_, 0);
  store<uint32_t>(start_ + used_ + 4, kTagHeader);
  used_ += kTagHeader;
  store(start_, static_cast<uint32_t>(used_));
  store<uint32_t>(start_ + 4, 0);
  return fits_;
}

}  // namespace loader
