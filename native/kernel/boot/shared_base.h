// A base that did not come with the kernel: it is in persistent memory (an NVDIMM), which a hypervisor maps from
// a file. Then it takes none of the machine's RAM, is not copied when the machine starts, and all machines of a
// host share it.
#pragma once

#include "boot/boot_information.h"

namespace runtime {

/// Finds the base with this kernel's stamp among the persistent memory of the NFIT (ACPI 6.5, section 5.2.26), and
/// makes it visible in the kernel's view of physical memory. Needs the ACPI tables. Returns null and fills `base`,
/// or says what is wrong.
const char* find_shared_base(PhysicalRange* base);

}  // namespace runtime
