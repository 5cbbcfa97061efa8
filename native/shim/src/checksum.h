// The Internet checksum.
#ifndef RUNTIME_SHIM_CHECKSUM_H
#define RUNTIME_SHIM_CHECKSUM_H

#include <cstddef>
#include <cstdint>

namespace runtime {

/**
 * Adds bytes to an Internet checksum (RFC 1071): they are summed as big-endian 16-bit words, the first
 * byte being the high one; an odd last byte is padded with zero. Any alignment.
 * @param sum what to add to: 0, or an earlier result
 * @returns the sum folded to 16 bits, not complemented; 0 only when all that was added is 0
 */
uint32_t InternetChecksum(const uint8_t* bytes, size_t length, uint64_t sum);

}  // namespace runtime

#endif  // RUNTIME_SHIM_CHECKSUM_H
