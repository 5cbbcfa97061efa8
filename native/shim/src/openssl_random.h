// OpenSSL's random numbers.
#ifndef RUNTIME_SHIM_OPENSSL_RANDOM_H
#define RUNTIME_SHIM_OPENSSL_RANDOM_H

namespace runtime {

/**
 * Has OpenSSL take all its random numbers from getrandom(2), rather than from generators of its own. Those live in
 * the process's memory: two machines that go on from one saved state would make the same keys. The kernel's generator
 * knows when that has happened. To be called once Node has initialised OpenSSL.
 */
void TakeRandomNumbersFromKernel();

}  // namespace runtime

#endif  // RUNTIME_SHIM_OPENSSL_RANDOM_H
