// Names of error numbers, for traces.
#pragma once

#include "lib/errno.h"

namespace runtime {

/// "ENOENT" for Errno::NoEntry; "ERESTARTSYS" for a call that is made again; never null.
const char* errno_name(Errno error);

}  // namespace runtime
