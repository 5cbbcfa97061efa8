// The tables in which firmware describes the machine. Pure.
// Source: DMTF DSP0134 (SMBIOS) 3.7, 6.1 and 7.2.
#pragma once

#include "lib/string.h"

namespace runtime {

/// Finds the machine's serial number (type 1, "System Information").
/// @param tables the structures, one after the other
/// @returns a view of the tables; empty when there is none, or the tables are damaged
StringView smbios_system_serial(StringView tables);

/// Finds the host name in a serial number of cloud-init's form, `ds=nocloud;h=NAME` or
/// `ds=nocloud-net;local-hostname=NAME`, with other settings between.
/// Source: cloud-init, data source NoCloud, "DMI-specific kernel command line".
/// @returns a view of the serial number; empty when there is none
StringView nocloud_host_name(StringView serial);

}  // namespace runtime
