// Options of the command line that system services read.
#pragma once

#include "boot/command_line.h"
#include "lib/result.h"

namespace runtime {

/// Remembers what the command line says. Once.
void settings_initialise(const CommandLine& command_line);
/// The value of an option, the last one where it was given several times. Errors: NoEntry.
Result<StringView> find_setting(StringView name);

}  // namespace runtime
