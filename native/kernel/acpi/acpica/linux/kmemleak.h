// ACPICA's utobject.c tells Linux's leak checker about an object that it keeps.
#pragma once

#define kmemleak_not_leak(object) ((void)(object))
