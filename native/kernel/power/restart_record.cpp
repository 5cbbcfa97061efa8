// The pure part of restarts: counting and waiting.
#include "lib/types.h"
#include "power/restart.h"

namespace runtime {

namespace {

constexpr uint8_t kMark =
    0x52;  // neither what cleared memory reads as, nor memory that is not there
constexpr uint8_t kEndMark = 0xad;
constexpr uint32_t kLargestCount = 255;
constexpr uint32_t kLongestPause = 60;
constexpr uint32_t kLongestDoubling = 6;

}  // namespace

uint32_t restarts_in_record(const RestartRecord& record) {
  const bool is_valid = record.bytes[0] == kMark && record.bytes[3] == kEndMark &&
                        static_cast<uint8_t>(~record.bytes[1]) == record.bytes[2];
  return is_valid ? record.bytes[1] : 0;
}

RestartRecord make_restart_record(uint32_t count) {
  const uint8_t kept = static_cast<uint8_t>(min_of(count, kLargestCount));
  return {{kMark, kept, static_cast<uint8_t>(~kept), kEndMark}};
}

uint32_t restart_pause_seconds(uint32_t count) {
  return min_of(1u << min_of(count, kLongestDoubling), kLongestPause);
}

}  // namespace runtime
