// Readable C++ names for reports.
#pragma once

#include <stddef.h>

#include "lib/string.h"

namespace runtime {

/// Writes the readable form of a name that the Itanium C++ ABI mangled, without parameters, and
/// with template arguments as <...>: "_ZN2v87Isolate7DisposeEv" becomes "v8::Isolate::Dispose". A
/// name that is not mangled, or in a form that this does not know, is copied as it is. Always
/// NUL-terminated and cut at `capacity`; returns the length written. Allocates nothing.
size_t demangle(StringView name, char* buffer, size_t capacity);

}  // namespace runtime
