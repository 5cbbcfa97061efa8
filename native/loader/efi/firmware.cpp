#include "efi/firmware.h"

namespace loader {

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kFirstMegabyte = 0x100000;
constexpr uint64_t kFourGigabytes = 0x100000000;
constexpr size_t kMapCapacity = 48 * 1024;
/// Another name needs another in lib/image/src/layout.ts.
constexpr const char16_t* kSystemFile = u"\\RUNTIME\\SYSTEM.IMG";

uint8_t map_buffer[kMapCapacity];

unsigned lowest_bit(uint32_t mask) { return static_cast<unsigned>(__builtin_ctz(mask)); }
unsigned bit_count(uint32_t mask) {
  unsigned count = 0;
  for (; mask; mask &= mask - 1) ++count;
  return count;
}

const void* find_table(const efi::SystemTable* system, const efi::Guid& guid) {
  for (uint64_t i = 0; i < system->table_count; ++i)
    if (memcmp(&system->tables[i].guid, &guid, sizeof(guid)) == 0) return system->tables[i].table;
  return nullptr;
}

/// The masks of a mode's colours. False when its pixels cannot be written as they are.
bool colour_masks(const efi::GraphicsModeInformation& mode, uint32_t* red, uint32_t* green,
                  uint32_t* blue) {
  *green = 0x0000ff00;
  if (mode.format == efi::kRedFirst || mode.format == efi::kBlueFirst) {
    *red = mode.format == efi::kRedFirst ? 0x000000ff : 0x00ff0000;
    *blue = 0x00ff00ff & ~*red;
    return true;
  }
  *red = mode.red_mask;
  *green = mode.green_mask;
  *blue = mode.blue_mask;
  return mode.format == efi::kMasks && *red && *green && *blue;
}

}  // namespace

const char* EfiFirmware::open(efi::Handle image, efi::SystemTable* system) {
  image_ = image;
  system_ = system;
  // The firmware's watchdog resets machines that take five minutes.
  system->boot->set_watchdog_timer(0, 0, 0, nullptr);
  efi::LoadedImage* loaded;
  efi::FileSystem* volume;
  efi::File* root;
  if (system->boot->handle_protocol(image, &efi::kLoadedImageGuid,
                                    reinterpret_cast<void**>(&loaded)) != efi::kSuccess)
    return "the firmware does not know the loader's image";
  if (system->boot->handle_protocol(loaded->device, &efi::kFileSystemGuid,
                                    reinterpret_cast<void**>(&volume)) != efi::kSuccess ||
      volume->open_volume(volume, &root) != efi::kSuccess)
    return "the loader's volume cannot be opened";
  if (root->open(root, &file_, kSystemFile, efi::kOpenForReading, 0) != efi::kSuccess)
    return "there is no file RUNTIME/SYSTEM.IMG beside it";
  return nullptr;
}

const char* EfiFirmware::read(uint64_t offset, void* to, size_t size) {
  uint64_t count = size;
  if (file_->set_position(file_, offset) != efi::kSuccess ||
      file_->read(file_, &count, to) != efi::kSuccess)
    return "the boot drive cannot be read";
  return count == size ? nullptr : "the system file is cut short";
}

const char* EfiFirmware::read_memory_map(void* to, uint64_t* size) {
  const efi::Status status =
      system_->boot->get_memory_map(size, to, &map_key_, &descriptor_size_, &descriptor_version_);
  if (status == efi::kBufferTooSmall) return "the firmware's memory map is too long";
  return status == efi::kSuccess ? nullptr : "the firmware gives no memory map";
}

uint64_t EfiFirmware::allocate(uint64_t size, uint64_t alignment, uint64_t lowest,
                               uint64_t highest) {
  uint64_t map_size = sizeof(map_buffer);
  if (read_memory_map(map_buffer, &map_size)) return 0;
  if (highest > kFourGigabytes) highest = kFourGigabytes;
  if (lowest < kFirstMegabyte) lowest = kFirstMegabyte;
  uint64_t best = 0;
  for (uint64_t at = 0; at + sizeof(efi::MemoryDescriptor) <= map_size; at += descriptor_size_) {
    const auto* range = reinterpret_cast<const efi::MemoryDescriptor*>(map_buffer + at);
    if (range->type != efi::kConventionalMemory) continue;
    const uint64_t end = range->address + range->pages * kPage;
    const uint64_t start = align_up(range->address < lowest ? lowest : range->address, alignment);
    if (start + size <= end && start + size <= highest && (best == 0 || start < best)) best = start;
  }
  if (best == 0) return 0;
  return system_->boot->allocate_pages(efi::kAllocateAddress, efi::kLoaderData,
                                       align_up(size, kPage) / kPage, &best) == efi::kSuccess
             ? best
             : 0;
}

uint64_t EfiFirmware::allocate_code(uint64_t size) {
  uint64_t address = kFourGigabytes - 1;
  return system_->boot->allocate_pages(efi::kAllocateMaximumAddress, efi::kLoaderCode,
                                       align_up(size, kPage) / kPage, &address) == efi::kSuccess
             ? address
             : 0;
}

void EfiFirmware::describe(BootInformation* information) const {
  const void* root = find_table(system_, efi::kAcpi2Guid);
  if (!root) root = find_table(system_, efi::kAcpi1Guid);
  if (root) information->add_acpi_root(static_cast<const uint8_t*>(root));

  efi::GraphicsOutput* graphics;
  if (system_->boot->locate_protocol(&efi::kGraphicsOutputGuid, nullptr,
                                     reinterpret_cast<void**>(&graphics)) != efi::kSuccess)
    return;
  const efi::GraphicsModeInformation& mode = *graphics->mode->information;
  uint32_t red, green, blue;
  if (!colour_masks(mode, &red, &green, &blue)) return;
  const auto channel = [](uint32_t mask) {
    return decltype(Framebuffer::red){static_cast<uint8_t>(lowest_bit(mask)),
                                      static_cast<uint8_t>(bit_count(mask))};
  };
  Framebuffer framebuffer;
  framebuffer.address = graphics->mode->framebuffer;
  framebuffer.pitch = 4 * mode.pixels_per_line;
  framebuffer.width = mode.width;
  framebuffer.height = mode.height;
  framebuffer.bits_per_pixel = 32;
  framebuffer.red = channel(red);
  const auto green_channel = channel(green);
  framebuffer.green.position = green_channel.position;
  framebuffer.green.size = green_channel.size;
  const auto blue_channel = channel(blue);
  framebuffer.blue.position = blue_channel.position;
  framebuffer.blue.size = blue_channel.size;
  information->add_framebuffer(framebuffer);
}

const char* EfiFirmware::leave(BootInformation* information) {
  // The map may change until its key is accepted; the firmware's timers, for example, allocate.
  constexpr unsigned kAttempts = 8;
  for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
    uint8_t* const to = information->begin_efi_memory_map(kMapCapacity);
    if (!to) return "its command line is too long";
    uint64_t size = kMapCapacity;
    if (const char* problem = read_memory_map(to, &size)) return problem;
    if (system_->boot->exit_boot_services(image_, map_key_) != efi::kSuccess) continue;
    information->end_efi_memory_map(size, static_cast<uint32_t>(descriptor_size_),
                                    descriptor_version_);
    return nullptr;
  }
  return "the firmware does not let go of the machine";
}

void EfiFirmware::print(const char* text) {
  if (!system_->output) return;
  for (; *text; ++text) {
    const char16_t characters[] = {static_cast<char16_t>(*text), 0};
    system_->output->output_string(system_->output, characters);
  }
}

void EfiFirmware::wait_seconds(unsigned seconds) { system_->boot->stall(1000000ull * seconds); }

}  // namespace loader
