// What the app and a terminal say to each other: termios(3), ioctl_tty(2). Numbers and layouts are those
// of Linux on x86-64 (asm-generic/termbits.h, asm-generic/ioctls.h).
#pragma once

#include <stdint.h>

namespace runtime {

constexpr unsigned kControlCharacters = 19;  // NCCS of the kernel's structure

/// struct termios of the system calls; glibc has a longer one of its own.
struct Termios {
  uint32_t input_flags;
  uint32_t output_flags;
  uint32_t control_flags;
  uint32_t local_flags;
  uint8_t line_discipline;
  uint8_t control_characters[kControlCharacters];
};
static_assert(sizeof(Termios) == 36, "struct termios");

/// struct termios2: with speeds as numbers, in bits per second.
struct Termios2 {
  Termios settings;
  uint32_t input_speed;
  uint32_t output_speed;
};
static_assert(sizeof(Termios2) == 44, "struct termios2");

/// struct winsize.
struct WindowSize {
  uint16_t rows;
  uint16_t columns;
  uint16_t horizontal_pixels;
  uint16_t vertical_pixels;
};
static_assert(sizeof(WindowSize) == 8, "struct winsize");

namespace termios {

// c_iflag
constexpr uint32_t kCarriageReturnToNewline = 0x100;  // ICRNL
constexpr uint32_t kOutputControl = 0x400;            // IXON
constexpr uint32_t kUtf8 = 0x4000;                    // IUTF8
// c_oflag
constexpr uint32_t kProcessOutput = 0x1;     // OPOST
constexpr uint32_t kNewlineToCrNl = 0x4;     // ONLCR
constexpr uint32_t kReturnToNewline = 0x8;   // OCRNL
constexpr uint32_t kNoReturnAtStart = 0x10;  // ONOCR
constexpr uint32_t kNewlineReturns = 0x20;   // ONLRET
constexpr uint32_t kTabDelays = 0x1800;      // TABDLY
constexpr uint32_t kExpandTabs = 0x1800;     // TAB3, XTABS
// c_cflag
constexpr uint32_t kSpeed = 0x100f;  // CBAUD
constexpr uint32_t kSpeedB115200 = 0x1002;
constexpr uint32_t kEightBits = 0x30;          // CS8
constexpr uint32_t kReceive = 0x80;            // CREAD
constexpr uint32_t kIgnoreModemLines = 0x800;  // CLOCAL
// c_lflag
constexpr uint32_t kSignals = 0x1;          // ISIG
constexpr uint32_t kCanonical = 0x2;        // ICANON
constexpr uint32_t kEcho = 0x8;             // ECHO
constexpr uint32_t kEchoErase = 0x10;       // ECHOE
constexpr uint32_t kEchoKill = 0x20;        // ECHOK
constexpr uint32_t kEchoControl = 0x200;    // ECHOCTL
constexpr uint32_t kEchoKillErase = 0x800;  // ECHOKE
constexpr uint32_t kExtended = 0x8000;      // IEXTEN
// c_cc
constexpr unsigned kInterruptKey = 0;  // VINTR
constexpr unsigned kTime = 5;          // VTIME
constexpr unsigned kMinimum = 6;       // VMIN

}  // namespace termios
}  // namespace runtime
