// Boots under a BIOS, from a disk or from a CD.
#include "bios/bios.h"
#include "core/load_system.h"
#include "core/report.h"

extern "C" {
extern const uint64_t system_file_offset;
void enter_kernel(uint32_t entry, uint32_t information);
[[noreturn]] void bios_main();
}

namespace {

using namespace loader;

struct Firmware {
  BiosDisk disk;
  BiosMemory memory;

  const char* read(uint64_t offset, void* to, size_t size) {
    return disk.read(system_file_offset + offset, to, size);
  }
  uint64_t allocate(uint64_t size, uint64_t alignment, uint64_t lowest, uint64_t highest) const {
    return memory.find(size, alignment, lowest, highest);
  }
};

Firmware firmware;
LoadBuffers buffers;
LoadedSystem loaded;
alignas(8) uint8_t information_buffer[8192];

/// Long enough to be read, short enough that a fault of the disk which passes does not keep a machine down.
constexpr unsigned kSecondsBeforeReset = 5;

[[noreturn]] void fail(const char* problem) {
  const char* const texts[] = {"Runtime.JS cannot be loaded: ", problem, ".\r\n"};
  for (const char* text : texts) {
    print_screen(text);
    print_serial(text);
  }
  report_status(problem);
  wait_seconds(kSecondsBeforeReset);
  reset_machine();
}

void require(const char* problem) {
  if (problem) fail(problem);
}

}  // namespace

void bios_main() {
  require(firmware.memory.read());
  require(firmware.disk.open());
  require(load_system(firmware, buffers, &loaded));
  BootInformation information(information_buffer, sizeof(information_buffer));
  information.add_command_line(loaded.file.command_line);
  information.add_loader_name("Runtime.JS loader under BIOS");
  information.add_module(loaded.initrd, loaded.initrd + loaded.file.initrd_size);
  information.add_memory_map(firmware.memory.ranges(), firmware.memory.count());
  if (!information.finish()) fail("its command line is too long");
  enter_kernel(loaded.entry,
               static_cast<uint32_t>(reinterpret_cast<uintptr_t>(information_buffer)));
  __builtin_unreachable();
}
