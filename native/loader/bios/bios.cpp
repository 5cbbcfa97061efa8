// Sources: EDD 3.0 (INT 13h, AH 42h and 48h), ACPI 6.5, 15.1 (INT 15h, E820h), IBM PC/AT technical reference
// (INT 10h, INT 15h AH 86h).
#include "bios/bios.h"

extern "C" {
struct BiosRegisters {
  uint32_t eax, ebx, ecx, edx, esi, edi;
  uint16_t es, flags;
};
extern BiosRegisters bios_registers;
extern uint8_t bios_buffer[256];
extern uint8_t boot_drive;
void bios_interrupt(uint32_t number);
}

namespace loader {

namespace {

constexpr uint16_t kCarry = 1;
constexpr uint64_t kFirstMegabyte = 0x100000;
constexpr uint64_t kFourGigabytes = 0x100000000;

uint8_t* const kReadBuffer = reinterpret_cast<uint8_t*>(0x50000);
constexpr uint16_t kReadSegment = 0x5000;
/// The BIOS's own limit is 127 sectors of 512 bytes.
constexpr uint32_t kReadSize = 62 * 1024;
constexpr unsigned kAttempts = 5;

struct DiskPacket {
  uint8_t size;
  uint8_t reserved;
  uint16_t sectors;
  uint16_t offset;
  uint16_t segment;
  uint64_t first;
} __attribute__((packed));

/// Calls the BIOS with a pointer to bios_buffer in DS:SI or ES:DI. False when it sets the carry flag.
bool call(uint32_t number) {
  bios_registers.esi = bios_registers.edi =
      static_cast<uint32_t>(reinterpret_cast<uintptr_t>(bios_buffer));
  bios_registers.es = 0;
  bios_registers.flags = 0;
  bios_interrupt(number);
  return !(bios_registers.flags & kCarry);
}

}  // namespace

const char* BiosDisk::open() {
  // A result buffer of 30 bytes: size, flags, geometry, sectors, and at 24 the sector's size.
  memset(bios_buffer, 0, sizeof(bios_buffer));
  sector_size_ = 512;
  store<uint16_t>(bios_buffer, 30);
  bios_registers.eax = 0x4800;
  bios_registers.edx = boot_drive;
  if (call(0x13)) {
    const uint16_t size = load<uint16_t>(bios_buffer + 24);
    if (size != 0) sector_size_ = size;
  }
  const bool is_power_of_two = (sector_size_ & (sector_size_ - 1)) == 0;
  if (sector_size_ < 512 || sector_size_ > 4096 || !is_power_of_two)
    return "the boot drive has sectors of an unknown size";
  return nullptr;
}

const char* BiosDisk::read(uint64_t position, void* to, size_t size) {
  uint8_t* target = static_cast<uint8_t*>(to);
  while (size > 0) {
    const uint32_t skipped = static_cast<uint32_t>(position % sector_size_);
    const uint64_t wanted = align_up<uint64_t>(skipped + size, sector_size_);
    const uint32_t bytes = static_cast<uint32_t>(wanted < kReadSize ? wanted : kReadSize);
    bool is_read = false;
    for (unsigned attempt = 0; attempt < kAttempts && !is_read; ++attempt) {
      DiskPacket* const packet = reinterpret_cast<DiskPacket*>(bios_buffer);
      packet->size = sizeof(DiskPacket);
      packet->reserved = 0;
      packet->sectors = static_cast<uint16_t>(bytes / sector_size_);
      packet->offset = 0;
      packet->segment = kReadSegment;
      packet->first = position / sector_size_;
      bios_registers.eax = 0x4200;
      bios_registers.edx = boot_drive;
      is_read = call(0x13);
    }
    if (!is_read) return "the boot drive cannot be read";
    const size_t got = bytes - skipped < size ? bytes - skipped : size;
    memcpy(target, kReadBuffer + skipped, got);
    target += got;
    position += got;
    size -= got;
  }
  return nullptr;
}

const char* BiosMemory::read() {
  constexpr uint32_t kSignature = 0x534d4150;  // "SMAP"
  uint32_t next = 0;
  do {
    memset(bios_buffer, 0, sizeof(MemoryRange));
    bios_registers.eax = 0xe820;
    bios_registers.ebx = next;
    bios_registers.ecx = 20;
    bios_registers.edx = kSignature;
    if (!call(0x15) || bios_registers.eax != kSignature) break;
    memcpy(&ranges_[count_], bios_buffer, sizeof(MemoryRange));
    ++count_;
    next = bios_registers.ebx;
  } while (next != 0 && count_ < kMaximumRanges);
  return count_ > 0 ? nullptr : "the BIOS gives no memory map";
}

bool BiosMemory::is_usable(uint64_t start, uint64_t end) const {
  constexpr uint32_t kUsable = 1;
  for (uint32_t i = 0; i < count_; ++i) {
    const MemoryRange& range = ranges_[i];
    if (range.type != kUsable && range.address < end && start < range.address + range.size)
      return false;
  }
  // Usable ranges that touch each other are not joined: firmware gives memory in one piece.
  for (uint32_t i = 0; i < count_; ++i) {
    const MemoryRange& range = ranges_[i];
    if (range.type == kUsable && range.address <= start && end <= range.address + range.size)
      return true;
  }
  return false;
}

uint64_t BiosMemory::find(uint64_t size, uint64_t alignment, uint64_t lowest,
                          uint64_t highest) const {
  if (highest > kFourGigabytes) highest = kFourGigabytes;
  if (lowest < kFirstMegabyte) lowest = kFirstMegabyte;
  uint64_t best = 0;
  const auto consider = [&](uint64_t from) {
    const uint64_t start = align_up(from < lowest ? lowest : from, alignment);
    if (start + size <= highest && (best == 0 || start < best) && is_usable(start, start + size))
      best = start;
  };
  // The lowest place begins where a usable range does, or where another range ends in it.
  for (uint32_t i = 0; i < count_; ++i) {
    consider(ranges_[i].address);
    consider(ranges_[i].address + ranges_[i].size);
  }
  return best;
}

void print_screen(const char* text) {
  for (; *text; ++text) {
    bios_registers.eax = 0x0e00u | static_cast<uint8_t>(*text);
    bios_registers.ebx = 7;
    call(0x10);
  }
}

void wait_seconds(unsigned seconds) {
  for (; seconds > 0; --seconds) {
    bios_registers.eax = 0x8600;
    bios_registers.ecx = 1000000 >> 16;
    bios_registers.edx = 1000000 & 0xffff;
    call(0x15);
  }
}

}  // namespace loader
