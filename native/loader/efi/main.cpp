// Boots under UEFI, from any volume that the firmware can read.
#include "core/load_system.h"
#include "core/report.h"
#include "efi/firmware.h"

#pragma GCC visibility push(hidden)
extern "C" {
extern const uint8_t enter_kernel[], enter_kernel_end[];
EFI_CALL efi::Status efi_main(efi::Handle image, efi::SystemTable* system);
}
#pragma GCC visibility pop

namespace {

using namespace loader;

constexpr size_t kInformationSize = 64 * 1024;
/// Long enough to be read, short enough that a fault of the disk which passes does not keep a machine down.
constexpr unsigned kSecondsBeforeReset = 5;

EfiFirmware firmware;
LoadBuffers buffers;
LoadedSystem loaded;

const char* boot(efi::Handle image, efi::SystemTable* system) {
  if (const char* problem = firmware.open(image, system)) return problem;
  if (const char* problem = load_system(firmware, buffers, &loaded)) return problem;
  const uint64_t code = firmware.allocate_code(kPage + kInformationSize);
  if (!code) return "there is too little memory for it; give the machine more";
  memcpy(reinterpret_cast<void*>(code), enter_kernel,
         static_cast<size_t>(enter_kernel_end - enter_kernel));
  const uint64_t place = code + kPage;
  BootInformation information(reinterpret_cast<void*>(place), kInformationSize);
  information.add_command_line(loaded.file.command_line);
  information.add_loader_name("Runtime.JS loader under UEFI");
  information.add_module(loaded.initrd, loaded.initrd + loaded.file.initrd_size);
  firmware.describe(&information);
  if (const char* problem = firmware.leave(&information)) return problem;
  information.finish();
  reinterpret_cast<void (*)(uint32_t, uint32_t)>(code)(loaded.entry, static_cast<uint32_t>(place));
  __builtin_unreachable();
}

}  // namespace

efi::Status efi_main(efi::Handle image, efi::SystemTable* system) {
  const char* const problem = boot(image, system);
  firmware.print("Runtime.JS cannot be loaded: ");
  firmware.print(problem);
  firmware.print(".\r\n");
  report_status(problem);
  firmware.wait_seconds(kSecondsBeforeReset);
  reset_machine();
}
