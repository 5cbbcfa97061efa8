// What the kernel shows on a screen without help of TypeScript: errors of the boot, and reports about what
// ended the machine. On VGA's text screen or in the boot loader's framebuffer, whichever there is.
#pragma once

#include <stddef.h>

#include "lib/string.h"

namespace runtime {

/// Looks for a screen and maps it; before this nothing is shown. Needs memory to be set up. Once.
void screen_initialise();
/// Takes a font into use, in the format of Linux's console (PSF 1); it stays where it is. Framebuffers
/// show nothing without one.
void screen_set_font(StringView font);
/// The font; empty when there is none.
StringView screen_font();

/// Shows text, lines ended by newlines. What does not fit scrolls. Nothing is shown once a driver has the
/// screen. Usable in any context.
void screen_write(const char* text, size_t size);
/// A driver takes the screen: the kernel no longer writes to it.
void screen_hand_over();
/// The machine ends: the kernel clears the screen and has it again, whoever else had it.
void screen_take_back();

}  // namespace runtime
