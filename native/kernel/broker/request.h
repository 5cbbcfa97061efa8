// What the kernel asks of the network service on behalf of a socket.
#pragma once

#include <shared_memory.h>

#include "broker/inet_address.h"
#include "lib/list.h"

namespace runtime {

constexpr uint32_t kRequestData = sizeof(RuntimeSocketBlock::request_data);

/// RUNTIME_REQUEST_* with its arguments.
struct Request {
  explicit Request(uint32_t what) : operation(what) {}

  uint32_t operation;
  uint32_t value0 = 0;
  uint32_t value1 = 0;
  InternetAddress address;
  uint32_t length = 0;  // bytes of data in use
  uint8_t data[kRequestData];

  static Request option(uint32_t operation, int level, int option) {
    Request request(operation);
    request.value0 = static_cast<uint32_t>(level);
    request.value1 = static_cast<uint32_t>(option);
    return request;
  }
  static Request set_option(int level, int option_number, const void* value, uint32_t size) {
    Request request = option(RUNTIME_REQUEST_SET_OPTION, level, option_number);
    request.length = size;
    memcpy(request.data, value, size);
    return request;
  }
};

/// A request that made a socket what it is: made again when the service starts anew.
struct RememberedRequest {
  ListNode node;
  uint32_t operation = 0;
  uint32_t value0 = 0;
  uint32_t value1 = 0;
  InternetAddress address;
  uint32_t length = 0;
  uint8_t data[];  // `length` bytes

  void load(Request* request) const {
    request->operation = operation;
    request->value0 = value0;
    request->value1 = value1;
    request->address = address;
    request->length = length;
    memcpy(request->data, data, length);
  }
};

}  // namespace runtime
