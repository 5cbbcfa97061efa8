// The fixed power button without byte code: for machines whose tables ACPICA cannot use.
#pragma once

namespace runtime {

/// Listens to the fixed power button by itself (ACPI 6.5, 4.8.3.1). Only when ACPICA does not, and will not.
void plain_button_start();

}  // namespace runtime
