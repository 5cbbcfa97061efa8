#include "platform/firmware_config.h"

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/ports.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/new.h"
#include "lib/types.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr uint16_t kSelectorPort = 0x510;
constexpr uint16_t kDataPort = 0x511;
constexpr uint16_t kSignature = 0x0000;
constexpr uint16_t kDirectory = 0x0019;
/// More are the host's mistake; a machine with that many devices has a few dozen.
constexpr uint32_t kMaximumEntries = 1024;
constexpr unsigned kMaximumFiles = 96;

/// An entry of the directory; numbers are big endian.
struct DirectoryEntry {
  uint32_t size;
  uint16_t selector;
  uint16_t reserved;
  char name[FirmwareFile::kNameCapacity];
};
static_assert(sizeof(DirectoryEntry) == 64, "fw_cfg's directory entries are 64 bytes");

FirmwareFile files[kMaximumFiles];
unsigned count = 0;
FirmwareFile smbios_tables;
bool has_smbios_tables = false;
/// A file is selected, then read from a port: nobody may come between.
SpinLock device_lock(LockRank::Log);

void select(uint16_t selector) { out16(kSelectorPort, selector); }
void read(void* to, size_t size) { in8_string(kDataPort, to, size); }

bool is_present() {
  // Only a hypervisor has it: on a real machine the port may be anything's.
  constexpr unsigned kHypervisorBit = 31;
  if (!(cpuid(1).ecx >> kHypervisorBit & 1)) return false;
  char signature[4];
  select(kSignature);
  read(signature, sizeof(signature));
  return memcmp(signature, "QEMU", sizeof(signature)) == 0;
}

void add_file(const DirectoryEntry& entry) {
  const StringView prefix("opt/");
  FirmwareFile file;
  memcpy(file.name, entry.name, sizeof(file.name));
  file.name[sizeof(file.name) - 1] = '\0';
  file.size = __builtin_bswap32(entry.size);
  file.selector = __builtin_bswap16(entry.selector);
  if (file.name_view() == StringView("etc/smbios/smbios-tables")) {
    smbios_tables = file;
    has_smbios_tables = true;
  }
  if (!file.name_view().starts_with(prefix)) return;
  if (count == kMaximumFiles) {
    log(LogLevel::Warn, "fw_cfg: %s is ignored: there are more than %u files below opt/", file.name,
        kMaximumFiles);
    return;
  }
  files[count++] = file;
}

}  // namespace

StringView FirmwareFile::name_view() const {
  size_t length = 0;
  while (length < kNameCapacity - 1 && name[length]) ++length;
  return StringView(name, length);
}

void firmware_config_initialise() {
  if (!is_present()) return;
  uint32_t entries;
  select(kDirectory);
  read(&entries, sizeof(entries));
  entries = min_of(__builtin_bswap32(entries), kMaximumEntries);
  for (uint32_t i = 0; i < entries; ++i) {
    DirectoryEntry entry;
    read(&entry, sizeof(entry));
    add_file(entry);
  }
}

unsigned firmware_file_count() { return count; }
const FirmwareFile& firmware_file(unsigned index) { return files[index]; }
const FirmwareFile* firmware_smbios_tables() {
  return has_smbios_tables ? &smbios_tables : nullptr;
}

void firmware_file_read(const FirmwareFile& file, void* to, size_t size) {
  const SpinGuard guard(device_lock);
  select(file.selector);
  read(to, min_of<size_t>(size, file.size));
}

StringView firmware_file_content(const FirmwareFile& file, size_t limit) {
  if (file.size == 0) return StringView();
  if (file.size > limit) {
    log(LogLevel::Error, "fw_cfg: %s has %u bytes and is ignored; %zu are allowed", file.name,
        file.size, limit);
    return StringView();
  }
  char* const bytes = static_cast<char*>(allocate(file.size));
  if (!bytes) {
    log(LogLevel::Error, "fw_cfg: there is no memory for %s", file.name);
    return StringView();
  }
  firmware_file_read(file, bytes, file.size);
  return StringView(bytes, file.size);
}

}  // namespace runtime
