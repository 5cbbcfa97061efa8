// Sources: IBM VGA technical reference (text modes); kbd, psf.h (PSF 1).
#include "boot/screen.h"

#include "lib/types.h"
#include "memory/address_space.h"
#include "platform/legacy_devices.h"
#include "sync/spinlock.h"

namespace runtime {

namespace {

constexpr unsigned kTextColumns = 80;
constexpr unsigned kTextRows = 25;
constexpr uint16_t kAttribute = 0x0700;  // light grey on black
constexpr uint8_t kGrey = 0xaa;

constexpr unsigned kGlyphWidth = 8;
constexpr uint8_t kFontMagic[] = {0x36, 0x04};
constexpr size_t kFontHeader = 4;
constexpr size_t kFontHeightAt = 3;
constexpr unsigned kLargestGlyph = 32;

/// Enough for a framebuffer of 2048 by 1536 pixels; on larger ones the rest stays empty.
constexpr unsigned kMostColumns = 256;
constexpr unsigned kMostRows = 96;

struct Screen {
  volatile uint16_t* text = nullptr;  // VGA's cells
  uint8_t* pixels = nullptr;
  unsigned columns = 0;
  unsigned rows = 0;
  unsigned column = 0;
  unsigned row = 0;
  bool is_drivers = false;
  // Reading back from an adapter is slow, so what is shown is kept.
  char cells[kMostRows][kMostColumns] = {};
};

SpinLock lock(LockRank::Log);
Screen screen;  // guarded by `lock`, but for a machine that ends
StringView font;
bool is_ending = false;

const uint8_t* font_bytes() { return reinterpret_cast<const uint8_t*>(font.data); }
unsigned glyph_height() { return font_bytes()[kFontHeightAt]; }

void draw_pixels(unsigned column, unsigned row, char character) {
  const BootFramebuffer& target = legacy_framebuffer();
  const unsigned bytes = (target.bits_per_pixel + 7) / 8;
  const auto scale = [](const ColourField& field) {
    return static_cast<uint32_t>(kGrey >> (8 - field.size)) << field.position;
  };
  const uint32_t ink = scale(target.red) | scale(target.green) | scale(target.blue);
  const unsigned height = glyph_height();
  const uint8_t* glyph = font_bytes() + kFontHeader + static_cast<uint8_t>(character) * height;
  uint8_t* line = screen.pixels + static_cast<uint64_t>(row) * height * target.pitch +
                  static_cast<uint64_t>(column) * kGlyphWidth * bytes;
  for (unsigned y = 0; y < height; ++y, line += target.pitch) {
    for (unsigned x = 0; x < kGlyphWidth; ++x) {
      const uint32_t value = glyph[y] & (0x80 >> x) ? ink : 0;
      for (unsigned byte = 0; byte < bytes; ++byte)
        line[x * bytes + byte] = static_cast<uint8_t>(value >> (8 * byte));
    }
  }
}

void draw(unsigned column, unsigned row) {
  const char character = screen.cells[row][column];
  if (screen.text) {
    screen.text[row * kTextColumns + column] =
        static_cast<uint16_t>(kAttribute | static_cast<uint8_t>(character));
  } else {
    draw_pixels(column, row, character);
  }
}

void put(unsigned column, unsigned row, char character) {
  if (screen.cells[row][column] == character) return;
  screen.cells[row][column] = character;
  draw(column, row);
}

void new_line() {
  screen.column = 0;
  if (screen.row + 1 < screen.rows) {
    ++screen.row;
    return;
  }
  for (unsigned row = 0; row < screen.rows; ++row)
    for (unsigned column = 0; column < screen.columns; ++column)
      put(column, row, row + 1 < screen.rows ? screen.cells[row + 1][column] : ' ');
}

void write_character(char character) {
  if (character == '\n') {
    new_line();
    return;
  }
  if (screen.column == screen.columns) new_line();
  put(screen.column++, screen.row, character >= ' ' && character <= '~' ? character : '?');
}

void clear() {
  screen.column = 0;
  screen.row = 0;
  for (unsigned row = 0; row < screen.rows; ++row) {
    for (unsigned column = 0; column < screen.columns; ++column) {
      screen.cells[row][column] = ' ';
      draw(column, row);
    }
  }
}

/// What is on it now, the firmware or the loader has written.
void begin() {
  if (screen.columns == 0) {
    const BootFramebuffer& target = legacy_framebuffer();
    if (screen.text) {
      screen.columns = kTextColumns;
      screen.rows = kTextRows;
    } else if (screen.pixels && !font.is_empty()) {
      screen.columns = min_of(target.width / kGlyphWidth, kMostColumns);
      screen.rows = min_of(target.height / glyph_height(), kMostRows);
    }
    clear();
  }
}

void write(const char* text, size_t size) {
  if (screen.is_drivers) return;
  begin();
  if (screen.columns == 0 || screen.rows == 0) return;
  for (size_t i = 0; i < size; ++i) write_character(text[i]);
}

}  // namespace

void screen_initialise() {
  const BootFramebuffer& framebuffer = legacy_framebuffer();
  if (framebuffer.size()) {
    const Result<void*> mapped = map_device(PhysAddr(framebuffer.address), framebuffer.size());
    if (!mapped.is_error()) screen.pixels = static_cast<uint8_t*>(mapped.value());
  } else if (legacy_text_screen_is_present()) {
    const Result<void*> mapped = map_device(PhysAddr(kLegacyTextMemory), kLegacyTextMemorySize);
    if (!mapped.is_error()) screen.text = static_cast<uint16_t*>(mapped.value());
  }
}

void screen_set_font(StringView file) {
  constexpr size_t kCharacters = 256;
  if (file.size < kFontHeader) return;
  const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(file.data);
  const unsigned height = bytes[kFontHeightAt];
  if (bytes[0] != kFontMagic[0] || bytes[1] != kFontMagic[1]) return;
  if (height == 0 || height > kLargestGlyph || file.size < kFontHeader + kCharacters * height)
    return;
  font = file;
}

StringView screen_font() { return font; }

void screen_write(const char* text, size_t size) {
  if (__atomic_load_n(&is_ending, __ATOMIC_RELAXED)) {
    write(text, size);
    return;
  }
  SpinGuard guard(lock);
  write(text, size);
}

void screen_hand_over() {
  SpinGuard guard(lock);
  if (!is_ending) screen.is_drivers = true;
}

void screen_take_back() {
  __atomic_store_n(&is_ending, true, __ATOMIC_RELAXED);
  screen.is_drivers = false;
  screen.columns = 0;
}

}  // namespace runtime
