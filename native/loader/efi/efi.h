// The part of UEFI that the loader uses.
// Source: UEFI specification 2.10: 4.3, 4.4 (tables), 7 (boot services), 9.1, 12.4, 12.9, 13.4, 13.5 (protocols).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace efi {

#define EFI_CALL __attribute__((ms_abi))

using Status = uint64_t;
using Handle = void*;

constexpr Status kSuccess = 0;
constexpr Status kBufferTooSmall = 1ull << 63 | 5;

struct Guid {
  uint32_t a;
  uint16_t b, c;
  uint8_t d[8];
};

struct TableHeader {
  uint64_t signature;
  uint32_t revision, header_size, crc32, reserved;
};

struct TextOutput {
  void* reset;
  Status(EFI_CALL* output_string)(TextOutput*, const char16_t* text);
};

enum AllocateType : uint32_t { kAllocateMaximumAddress = 1, kAllocateAddress = 2 };
enum MemoryType : uint32_t { kLoaderCode = 1, kLoaderData = 2, kConventionalMemory = 7 };

struct MemoryDescriptor {
  uint32_t type;
  uint32_t padding;
  uint64_t address;
  uint64_t virtual_address;
  uint64_t pages;
  uint64_t attributes;
};

struct BootServices {
  TableHeader header;
  void* task_priority[2];
  Status(EFI_CALL* allocate_pages)(AllocateType, MemoryType, uint64_t pages, uint64_t* address);
  void* free_pages;
  Status(EFI_CALL* get_memory_map)(uint64_t* size, void* map, uint64_t* key,
                                   uint64_t* descriptor_size, uint32_t* descriptor_version);
  void* pools[2];
  void* events[6];
  void* protocol_interfaces[3];
  Status(EFI_CALL* handle_protocol)(Handle, const Guid*, void** interface);
  void* reserved;
  void* protocol_notify;
  void* locate_handle;
  void* locate_device_path;
  void* install_configuration_table;
  void* images[4];
  Status(EFI_CALL* exit_boot_services)(Handle image, uint64_t map_key);
  void* get_next_monotonic_count;
  Status(EFI_CALL* stall)(uint64_t microseconds);
  Status(EFI_CALL* set_watchdog_timer)(uint64_t seconds, uint64_t code, uint64_t size,
                                       const char16_t* data);
  void* controllers[2];
  void* open_protocol[3];
  void* protocols_per_handle;
  void* locate_handle_buffer;
  Status(EFI_CALL* locate_protocol)(const Guid*, void* registration, void** interface);
};

struct ConfigurationTable {
  Guid guid;
  const void* table;
};

struct SystemTable {
  TableHeader header;
  const char16_t* vendor;
  uint32_t vendor_revision;
  Handle input_handle;
  void* input;
  Handle output_handle;
  TextOutput* output;
  Handle error_handle;
  void* error;
  void* runtime_services;
  BootServices* boot;
  uint64_t table_count;
  const ConfigurationTable* tables;
};

struct LoadedImage {
  uint32_t revision;
  Handle parent;
  SystemTable* system;
  Handle device;
};

struct File {
  uint64_t revision;
  Status(EFI_CALL* open)(File*, File** result, const char16_t* name, uint64_t mode,
                         uint64_t attributes);
  void* close;
  void* remove;
  Status(EFI_CALL* read)(File*, uint64_t* size, void* to);
  void* write;
  void* get_position;
  Status(EFI_CALL* set_position)(File*, uint64_t position);
};

struct FileSystem {
  uint64_t revision;
  Status(EFI_CALL* open_volume)(FileSystem*, File** root);
};

enum PixelFormat : uint32_t { kRedFirst = 0, kBlueFirst = 1, kMasks = 2, kNoFramebuffer = 3 };

struct GraphicsModeInformation {
  uint32_t version;
  uint32_t width, height;
  PixelFormat format;
  uint32_t red_mask, green_mask, blue_mask, reserved_mask;
  uint32_t pixels_per_line;
};

struct GraphicsMode {
  uint32_t maximum, current;
  const GraphicsModeInformation* information;
  uint64_t information_size;
  uint64_t framebuffer;
  uint64_t framebuffer_size;
};

struct GraphicsOutput {
  void* query_mode;
  void* set_mode;
  void* blit;
  const GraphicsMode* mode;
};

constexpr uint64_t kOpenForReading = 1;

constexpr Guid kLoadedImageGuid = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
constexpr Guid kFileSystemGuid = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
constexpr Guid kGraphicsOutputGuid = {
    0x9042a9de, 0x23dc, 0x4a38, {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}};
constexpr Guid kAcpi2Guid = {
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
constexpr Guid kAcpi1Guid = {
    0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

}  // namespace efi
