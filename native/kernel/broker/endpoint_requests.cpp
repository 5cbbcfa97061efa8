// Asking the service, one request at a time; and what a new life of the service is asked again.
//
// The request slot of a block goes through these states (lock_ guards them):
//
//   Free --ask--> Asked --answer, taken by the thread--> Free
//                   |--signal--> Abandoned --the same request again--> Asked
//                   |                |--another request, once answered--> Free
//                   '--the service dies--> the thread asks again in the next life
//   Free --post--> Posted --answer, seen by attend()--> Free
//
// Posted are options that need no answer, and all that is remembered, in its order, when a life begins;
// threads ask only when nothing is left to post.
#include "broker/endpoint.h"
#include "broker/inet_options.h"
#include "broker/table.h"
#include "lib/format.h"
#include "lib/new.h"

namespace runtime {

namespace {

constexpr uint32_t kMostRemembered = 256;

/// Which option a membership option undoes, 0: none. ip(7), ipv6(7), RFC 3678.
uint32_t undone_by(uint32_t level, uint32_t option) {
  if (level == kLevelIp) {
    switch (option) {
      case kIpLeaveGroup:
        return kIpJoinGroup;
      case kIpUnblockSource:
        return kIpBlockSource;
      case kIpLeaveSource:
        return kIpJoinSource;
    }
  }
  if (level == kLevelIpv6 && option == kIpv6LeaveGroup) return kIpv6JoinGroup;
  switch (option) {
    case kGroupUnblockSource:
      return kGroupBlockSource;
    case kGroupLeave:
      return kGroupJoin;
    case kGroupLeaveSource:
      return kGroupJoinSource;
  }
  return 0;
}

/// Options of which a socket can have several values at once.
bool is_cumulative(uint32_t level, uint32_t option) {
  if (level == kLevelIp &&
      (option == kIpJoinGroup || option == kIpBlockSource || option == kIpJoinSource)) {
    return true;
  }
  if (level == kLevelIpv6 && option == kIpv6JoinGroup) return true;
  return (level == kLevelIp || level == kLevelIpv6) &&
         (option == kGroupJoin || option == kGroupBlockSource || option == kGroupJoinSource);
}

bool is_membership(uint32_t level, uint32_t option) {
  if (level != kLevelIp && level != kLevelIpv6) return false;
  return is_cumulative(level, option) || undone_by(level, option) != 0;
}

bool same_data(const Request& request, const RememberedRequest& other) {
  const uint32_t size = min_of(request.length, other.length);
  return memcmp(request.data, other.data, size) == 0;
}

}  // namespace

bool Endpoint::is_answered() const { return load(block().reply_sequence) == sequence_; }

bool Endpoint::matches_slot(const Request& request) const {
  const RuntimeSocketBlock& shared = block();
  return shared.request_operation == request.operation && shared.request_value0 == request.value0 &&
         shared.request_value1 == request.value1 && shared.request_length == request.length &&
         shared.request_family == request.address.family &&
         shared.request_port == request.address.port &&
         memcmp(shared.request_address, request.address.bytes, sizeof(request.address.bytes)) ==
             0 &&
         (request.operation == RUNTIME_REQUEST_GET_OPTION ||
          memcmp(shared.request_data, request.data, request.length) == 0);
}

void Endpoint::fill_slot(const Request& request) {
  RuntimeSocketBlock& shared = block();
  if (is_lost()) {
    // A socket whose connection went with its service connects anew.
    __atomic_store_n(&is_lost_, false, __ATOMIC_RELEASE);
    store(shared.kernel_flags, 0u);
  }
  shared.request_operation = request.operation;
  shared.request_value0 = request.value0;
  shared.request_value1 = request.value1;
  shared.request_length = request.length;
  shared.request_family = request.address.family;
  shared.request_port = request.address.port;
  shared.request_scope = request.address.scope;
  memcpy(shared.request_address, request.address.bytes, sizeof(shared.request_address));
  memcpy(shared.request_data, request.data, request.length);
  life_ = 1;
  ++sequence_;
  store(shared.request_sequence, sequence_);
}

/// Takes the slot for `request`, or takes up the answer of the same request that a signal cut off.
bool Endpoint::try_ask(const Request& request, bool* rejoined) {
  SpinGuard guard(lock_);
  if (service_state() != ServiceState::Attached) return false;
  if (slot_ == Slot::Abandoned) {
    if (matches_slot(request)) {
      slot_ = Slot::Asked;
      *rejoined = true;
      return true;
    }
    if (!is_answered()) return false;
    slot_ = Slot::Free;
  }
  if (slot_ != Slot::Free || next_to_send_) return false;
  fill_slot(request);
  slot_ = Slot::Asked;
  return true;
}

Result<void> Endpoint::request(Request& request) {
  if (is_lost() && (is_announced() || request.operation != RUNTIME_REQUEST_CONNECT)) {
    return Errno::NetworkDown;
  }
  for (;;) {
    bool asked = false;
    bool rejoined = false;
    const auto may_go_on = [&] {
      if (!asked) asked = try_ask(request, &rejoined);
      return asked || service_state() == ServiceState::Absent;
    };
    if (request_queue_.wait(may_go_on) == WaitResult::Interrupted) return Errno::Restart;
    if (!asked) return Errno::NetworkDown;
    if (!rejoined) call_service();
    const auto is_over = [this] {
      SpinGuard guard(lock_);
      return life_ == 0 || is_answered();
    };
    if (request_queue_.wait(is_over) == WaitResult::Interrupted) {
      SpinGuard guard(lock_);
      slot_ = life_ == 0 ? Slot::Free : Slot::Abandoned;
      return Errno::Restart;
    }
    bool is_done, posted;
    uint32_t error;
    {
      SpinGuard guard(lock_);
      is_done = life_ != 0;
      const RuntimeSocketBlock& shared = block();
      error = load(shared.reply_error);
      const uint32_t length = load(shared.reply_length);
      if (is_done && !error && request.operation == RUNTIME_REQUEST_GET_OPTION) {
        request.length = min_of(length, kRequestData);
        memcpy(request.data, shared.request_data, request.length);
      }
      slot_ = Slot::Free;
      posted = post_next();
    }
    if (posted) call_service();
    wake_requesters();
    if (!is_done) continue;  // the service died: the next one is asked
    if (error) return error <= 4095 ? static_cast<Errno>(error) : Errno::InputOutput;
    return finish(request);
  }
}

/// A request succeeded: notes what became of the socket.
Result<void> Endpoint::finish(Request& request) {
  Request bind(RUNTIME_REQUEST_BIND);
  bind.address = local_address();
  switch (request.operation) {
    case RUNTIME_REQUEST_BIND:
      request.address.port = bind.address.port;  // a chosen one stays the same in the next life
      remember(request, true);
      store(is_bound_, true);
      break;
    case RUNTIME_REQUEST_AUTOBIND:
      if (!is_bound()) remember(bind, true);
      store(is_bound_, true);
      break;
    case RUNTIME_REQUEST_LISTEN:
      if (!is_bound()) remember(bind, true);
      store(is_bound_, true);
      remember(request, true);
      store(is_listening_, true);
      break;
    case RUNTIME_REQUEST_CONNECT:
      if (is_stream()) break;
      if (!is_bound()) {
        // The address follows from the peer; only the port is the socket's own.
        InternetAddress any = bind.address;
        memset(any.bytes + (any.is_v4() ? 12 : 0), 0, any.is_v4() ? 4 : 16);
        bind.address = any;
        remember(bind, true);
        store(is_bound_, true);
      }
      remember(request, true);
      break;
    case RUNTIME_REQUEST_SET_OPTION:
      remember(request, true);
      break;
  }
  return {};
}

/// Removes what `request` replaces or undoes. lock_ is held.
void Endpoint::forget_matching(const Request& request) {
  const bool is_option = request.operation == RUNTIME_REQUEST_SET_OPTION;
  const uint32_t undone = is_option ? undone_by(request.value0, request.value1) : 0;
  const bool adds = is_option && is_cumulative(request.value0, request.value1);
  remembered_.for_each([&](RememberedRequest* other) {
    bool is_match = other->operation == request.operation;
    if (is_option) {
      const uint32_t option = undone ? undone : request.value1;
      is_match = is_match && other->value0 == request.value0 && other->value1 == option &&
                 (!(undone || adds) || same_data(request, *other));
    }
    if (!is_match) return;
    if (other == next_to_send_) next_to_send_ = remembered_.next(other);
    remembered_.remove(other);
    --remembered_count_;
    deallocate(other);
  });
}

/// Keeps a request for the next life of the service; one that was not sent yet is sent in this one.
void Endpoint::remember(const Request& request, bool is_sent) {
  const bool is_option = request.operation == RUNTIME_REQUEST_SET_OPTION;
  const bool undoes = is_option && undone_by(request.value0, request.value1) != 0;
  const bool disconnects =
      request.operation == RUNTIME_REQUEST_CONNECT && request.address.family == 0;
  RememberedRequest* fresh = nullptr;
  if (!undoes && !disconnects) {
    void* memory = allocate(sizeof(RememberedRequest) + request.length);
    if (memory) fresh = new (memory) RememberedRequest();
  }
  if (fresh) {
    fresh->operation = request.operation;
    fresh->value0 = request.value0;
    fresh->value1 = request.value1;
    fresh->address = request.address;
    fresh->length = request.length;
    memcpy(fresh->data, request.data, request.length);
  }
  SpinGuard guard(lock_);
  forget_matching(request);
  if (!fresh) return;  // without memory the next life lacks it: no reason to fail what succeeded
  if (remembered_count_ == kMostRemembered) {
    deallocate(fresh);
    return;
  }
  remembered_.push_back(fresh);
  ++remembered_count_;
  if (!is_sent && !next_to_send_ && !is_lost()) next_to_send_ = fresh;
}

Result<void> Endpoint::post_option(const Request& request) {
  RUNTIME_ASSERT(!is_membership(request.value0, request.value1));
  remember(request, false);
  bool posted;
  {
    SpinGuard guard(lock_);
    posted = post_next();
  }
  if (posted) call_service();
  return {};
}

/// Sends the next of what is to be posted, when the slot is free. lock_ is held; the caller calls the
/// service when this returns true.
bool Endpoint::post_next() {
  if (!next_to_send_ || is_lost() || service_state() != ServiceState::Attached) return false;
  if (slot_ == Slot::Abandoned && is_answered()) slot_ = Slot::Free;
  if (slot_ != Slot::Free) return false;
  Request request(0);
  next_to_send_->load(&request);
  fill_slot(request);
  next_to_send_ = remembered_.next(next_to_send_);
  slot_ = Slot::Posted;
  return true;
}

/// On the service's thread: an answer to what was posted goes nowhere but to the counts, unless the
/// socket cannot be what it was.
void Endpoint::handle_posted_answer() {
  bool posted = false;
  bool is_over = false;
  uint32_t error = 0;
  uint32_t operation = 0;
  {
    SpinGuard guard(lock_);
    is_over = slot_ != Slot::Free && is_answered();
    if (is_over && slot_ == Slot::Posted) {
      error = load(block().reply_error);
      operation = block().request_operation;
      slot_ = Slot::Free;
      posted = post_next();
    }
  }
  if (error) {
    count(broker_counts().failed_replays);
    if (operation != RUNTIME_REQUEST_SET_OPTION) {
      set_error(error <= 4095 ? static_cast<Errno>(error) : Errno::InputOutput);
    }
  }
  if (posted) call_service();
  if (is_over) wake_requesters();
}

}  // namespace runtime
