// Source: RAND_set_rand_method(3), the only one of OpenSSL's interfaces that replaces its generators for whoever calls
// RAND_bytes(3), its own parts among them. OpenSSL 3 calls it deprecated, in favour of providers, which Node's build
// cannot load.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "openssl_random.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace runtime {
namespace {

// These return what OpenSSL's own do: 1 for success.

int Fill(unsigned char* into, int length) {
  for (int done = 0; done < length;) {
    const ssize_t count = getrandom(into + done, static_cast<size_t>(length - done), 0);
    if (count < 0 && errno != EINTR) return 0;
    if (count > 0) done += static_cast<int>(count);
  }
  return 1;
}

int Add(const void* bytes, int length, double) {
  const int device = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (device < 0) return 0;
  const ssize_t written = write(device, bytes, static_cast<size_t>(length));
  close(device);
  return written == length;
}

int Seed(const void* bytes, int length) { return Add(bytes, length, 0); }

// Fill() waits until the kernel's generator is ready.
int Status() { return 1; }

constexpr RAND_METHOD kKernel = {Seed, Fill, nullptr, Add, Fill, Status};

}  // namespace

void TakeRandomNumbersFromKernel() {
  if (RAND_set_rand_method(&kKernel) == 1) return;
  std::fputs("OpenSSL does not take its random numbers from the kernel, the base is broken.\n",
             stderr);
  std::abort();
}

}  // namespace runtime
