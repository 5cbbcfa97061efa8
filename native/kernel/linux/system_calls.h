// Prototypes of all system-call handlers, generated from linux/system_calls.def.
#pragma once

#include "lib/result.h"
#include "linux/abi.h"
#include "memory/user.h"

namespace runtime {

#define SYSTEM_CALL(number, name, arguments) Result<uint64_t> sys_##name arguments;
#include "linux/system_calls.def"
#undef SYSTEM_CALL

}  // namespace runtime
