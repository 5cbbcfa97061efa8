// What the host says about this one machine: variables, arguments, a host name.
//
// QEMU's -fw_cfg (and what is built on it: libvirt's sysinfo, Nomad's args) names them:
//   opt/runtimejs/env/NAME      a variable's value
//   opt/runtimejs/environment   NAME=value, one a line; empty lines and lines with # in front are skipped
//   opt/runtimejs/arguments     arguments of the app, one a line
//   opt/runtimejs/hostname      the machine's name
// The name may also come as cloud-init has it, in the SMBIOS serial number: ds=nocloud;h=NAME.
// One newline at a value's end is not part of it. Other files below opt/, such as opt/runtimejs/user-data, are
// the app's own affair: it reads /sys/firmware/qemu_fw_cfg/by_name/NAME/raw.
#pragma once

#include "lib/string.h"
#include "lib/vector.h"

namespace runtime {

/// Reads the settings. `environment` gets NAME=value strings with a NUL behind each, `arguments` likewise.
/// What is wrong is in the log, and left out. Errors: NoMemory.
Result<void> read_machine_settings(Vector<StringView>* environment, Vector<StringView>* arguments);

}  // namespace runtime
