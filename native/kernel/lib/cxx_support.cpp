// What the C++ compiler expects from a runtime library.
#include "lib/format.h"

/// The kernel never exits, so destructors of static objects never run.
extern "C" int atexit(void (*)()) { return 0; }

extern "C" void __cxa_pure_virtual() { runtime::panic("a pure virtual function was called"); }
