// Mistakes that native code makes, for tests of what becomes of them. None returns.
#pragma once

/// Makes one of them.
/// @param kind its name, see crash.cc
/// @return false when there is no such kind
bool crash(const char* kind);
