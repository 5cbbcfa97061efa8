// Writes what a multiboot2 kernel is handed: a list of tags.
// Source: Multiboot2 specification 2.0, 3.6.
#pragma once

#include "memory_functions.h"

namespace loader {

/// In EAX at the kernel's entry (3.3).
constexpr uint32_t kMultibootMagic = 0x36d76289;

/// A range of the memory map, in the form that both BIOS and multiboot2 use.
struct MemoryRange {
  uint64_t address;
  uint64_t size;
  uint32_t type;  // 1: usable
  uint32_t reserved;
};

/// A screen that the firmware has set up, of packed pixels.
struct Framebuffer {
  uint64_t address;
  uint32_t pitch;  // bytes from line to line
  uint32_t width;
  uint32_t height;
  uint8_t bits_per_pixel;
  struct {
    uint8_t position;
    uint8_t size;
  } red, green, blue;
};

class BootInformation {
 public:
  /// @param buffer below 4 GiB, on a boundary of 8 bytes
  BootInformation(void* buffer, size_t capacity);

  void add_command_line(const char* text);
  void add_loader_name(const char* text);
  void add_module(uint64_t start, uint64_t end);
  void add_memory_map(const MemoryRange* ranges, uint32_t count);
  void add_framebuffer(const Framebuffer& framebuffer);
  /// @param root the ACPI root pointer (RSDP)
  void add_acpi_root(const uint8_t* root);
  /// Leaves room for an EFI memory map.
  /// @returns where its descriptors go, or null when there is no room for `capacity` bytes
  uint8_t* begin_efi_memory_map(size_t capacity);
  void end_efi_memory_map(size_t size, uint32_t descriptor_size, uint32_t descriptor_version);
  /// Writes the end tag and the whole size. False when something did not fit.
  bool finish();

 private:
  /// Starts a tag with `size` bytes behind its header; returns where they go, or null.
  uint8_t* add(uint32_t type, size_t size);
  void add_text(uint32_t type, const char* text);

  uint8_t* start_;
  size_t capacity_;
  size_t used_ = 8;
  bool fits_ = true;
};

}  // namespace loader
