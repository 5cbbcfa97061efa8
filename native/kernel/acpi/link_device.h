// Interrupt link devices (PNP0C0F): a wire between devices' interrupt pins and one of several lines.
#pragma once

#include "acpi/host.h"
#include "interrupts/apic.h"

namespace runtime {

/// Finds the line that a link is connected to (_CRS), or connects it to one of those that are possible (_PRS,
/// _SRS). `selection` is which of the link's interrupts is meant, mostly 0. Returns false, after a line in
/// the log, when it cannot be connected.
bool acpi_connect_link(acpi_handle link, uint32_t selection, InterruptLine* line);

}  // namespace runtime
