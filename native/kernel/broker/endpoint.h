// One socket as kernel and network service share it: its block, its rings, its requests, and the
// threads that wait for any of them. Outlives the descriptor until the service has sent what is left.
//
// Who may touch what:
//   send ring      the thread that holds send_mutex_; the service takes bytes out at the same time
//   receive ring   the thread that holds receive_mutex_; the service puts bytes in at the same time
//   request slot   whoever has taken its turn (lock_ guards the turn)
// The mutexes are held while application memory is copied, never while waiting for the service. The
// service itself takes them when it resizes a ring.
#pragma once

#include "broker/arena.h"
#include "broker/inet_address.h"
#include "broker/request.h"
#include "lib/list.h"
#include "lib/ref.h"
#include "sync/mutex.h"

namespace runtime {

constexpr uint32_t kInternetReadable = kPollIn | kPollReadNormal;
constexpr uint32_t kInternetWritable = kPollOut | kPollWriteNormal;

/// Bytes of the longest record: 64 KiB of payload with its header.
constexpr uint32_t kMaximumRecord = 64 * 1024 + sizeof(RuntimeDatagramRecord);

/// How long one call may wait, and what it returns when a signal interrupts it.
struct Waiting {
  bool non_blocking;
  Deadline deadline;
  Errno interrupted;
};

class Endpoint : public RefCounted {
 public:
  Endpoint(uint32_t id, uint32_t kind, int family)
      : id_(id), kind_(kind), family_(family), lock_(LockRank::Pipe) {}

  uint32_t id() const { return id_; }
  uint32_t kind() const { return kind_; }
  int family() const { return family_; }
  bool is_stream() const { return kind_ == RUNTIME_SOCKET_STREAM; }
  RuntimeSocketBlock& block() const { return arena().socket_block(id_); }

  /// Woken with poll(2) bits when something became ready.
  WaitQueue& ready_queue() { return ready_queue_; }

  // --- State, as the service tells it -----------------------------------------------------------

  /// RUNTIME_SERVICE_FLAG_*; GONE when the service that had the connection is gone.
  uint32_t flags() const;
  bool has_flag(uint32_t flag) const { return (flags() & flag) != 0; }
  /// The pending error, left in place or taken: a Linux errno or 0.
  int pending_error() const;
  int take_error();
  void set_error(Errno error);
  InternetAddress local_address() const;
  InternetAddress peer_address() const;
  bool is_bound() const { return __atomic_load_n(&is_bound_, __ATOMIC_ACQUIRE); }
  bool is_listening() const { return __atomic_load_n(&is_listening_, __ATOMIC_ACQUIRE); }
  uint32_t kernel_flags() const { return __atomic_load_n(&block().kernel_flags, __ATOMIC_SEQ_CST); }
  void set_kernel_flags(uint32_t flags);

  // --- Requests (endpoint_requests.cpp) ---------------------------------------------------------

  /// Has the service do something and waits for its answer, which replaces `request.data` for
  /// GET_OPTION. While no service runs it waits for one. What succeeded is remembered for the next
  /// life of the service. Errors: the service's, NetworkDown (there is no service), Restart
  /// (a signal; the same request made again takes up the answer), NoMemory.
  Result<void> request(Request& request);
  /// Remembers an option that needs no answer and has it sent when there is a service. Errors:
  /// NoMemory.
  Result<void> post_option(const Request& request);
  /// Wakes who waits to make a request or for its answer.
  void wake_requesters() { request_queue_.wake_all(); }

  // --- Byte streams (endpoint_stream.cpp) -------------------------------------------------------

  /// Copies as much as there is room for into the send ring, taking a first ring when there is none.
  /// 0: no room, and the service was asked to tell when there is. Errors: Fault, NoBuffers,
  /// InputOutput (the service's indices are wrong: the socket is dead).
  Result<size_t> put_bytes(IoBuffer& source);
  /// Copies what is in the receive ring out, from `offset` on, at most `size` bytes; takes it out
  /// unless `peek`; `discard` copies nothing. Errors: Fault, InputOutput.
  Result<size_t> take_bytes(IoBuffer& target, size_t size, size_t offset, bool peek, bool discard);
  /// Bytes in the rings, as far as the service's indices make sense.
  uint32_t readable_bytes() const;
  uint32_t unsent_bytes() const;
  /// Changes when the service takes something out of the send ring.
  uint32_t taken_by_service() const;
  bool is_receive_full() const;
  /// Less than two thirds of what the send ring may hold are in use. When not, the service will
  /// tell when that has changed.
  bool is_writable();

  // --- Datagrams (endpoint_datagram.cpp) --------------------------------------------------------

  /// Puts a record with all of `source` into the send ring. false: no room yet, and the service was
  /// asked to tell. Errors: MessageSize (never fits), Fault, NoBuffers, InputOutput.
  Result<bool> put_datagram(const RuntimeDatagramRecord& header, IoBuffer& source);
  /// Takes the next record out. false: there is none. Errors: Fault, InputOutput.
  Result<bool> take_datagram(RuntimeDatagramRecord* header, IoBuffer& target, bool peek);
  bool has_datagram() const { return readable_bytes() > 0; }
  /// Payload of the next one, for FIONREAD.
  uint32_t next_datagram_size();

  // --- Listening (endpoint_accept.cpp) ----------------------------------------------------------

  /// The next connection, null when there is none.
  RefPtr<Endpoint> dequeue_connection();
  bool has_connection();
  /// shutdown(2) of a listener, or its end: resets what waits, accepts nothing more.
  void stop_listening();
  bool is_stopped() const { return __atomic_load_n(&is_stopped_, __ATOMIC_ACQUIRE); }

  // --- The end ----------------------------------------------------------------------------------

  /// The app has closed the socket. `reset`: drop everything, RST.
  void close(bool reset);
  bool is_closed() const { return __atomic_load_n(&is_closed_, __ATOMIC_ACQUIRE); }
  /// After `close`: waits until all is sent and acknowledged, or the deadline passes.
  void wait_until_gone(Deadline deadline);
  /// Tells the service to look at this socket.
  void call_service();
  /// SO_SNDBUF and SO_RCVBUF as the service sees them.
  void set_buffers(uint32_t send, uint32_t receive);

  // --- For broker.cpp, on the service's thread ---------------------------------------------------

  /// Looks at what the service has changed and wakes who waits for it.
  void attend();
  /// broker_resize.
  Result<void> resize(uint32_t direction, uint32_t capacity);
  /// A life of the service began: sends what is remembered.
  void begin_life();
  /// It ended. What cannot go on gets ECONNRESET, which every app knows.
  void end_life();
  /// Frees rings; nobody uses them any more, the block belongs to the table again.
  void retire();
  /// Makes this the socket of a connection to `listener`.
  void adopt_connection(RefPtr<Endpoint> listener);
  /// The service has forgotten the socket.
  void forget_announcement() { __atomic_store_n(&is_announced_, false, __ATOMIC_RELEASE); }
  bool was_offered() const { return was_offered_; }
  bool has_listener() const { return static_cast<bool>(listener_); }
  bool is_announced() const { return __atomic_load_n(&is_announced_, __ATOMIC_ACQUIRE); }
  bool is_lost() const { return __atomic_load_n(&is_lost_, __ATOMIC_ACQUIRE); }

 private:
  struct RingPlace {
    uint32_t offset = 0;
    uint32_t capacity = 0;  // atomic reads without the mutex
  };
  /// What `attend` saw last, to wake only for what is new. lock_ guards it.
  struct Seen {
    uint32_t flags = 0;
    uint32_t receive_head = 0;
    bool has_error = false;
    bool is_writable = true;
  };
  enum class Slot : uint8_t { Free, Asked, Posted, Abandoned };

  uint32_t send_limit() const;
  Result<void> take_send_ring(uint32_t wanted);
  Result<void> copy_resized(RingPlace& place, uint32_t head, uint32_t tail, uint32_t capacity);
  void publish_ring(uint32_t direction, const RingPlace& place);
  void drop_rings();
  Result<bool> find_record(RuntimeDatagramRecord* header, uint32_t* place);
  void wants_space();
  void consumed(uint32_t tail);
  Result<void> refuse_service(const char* what);
  void offer();

  bool is_answered() const;
  bool matches_slot(const Request& request) const;
  bool try_ask(const Request& request, bool* rejoined);
  void fill_slot(const Request& request);
  Result<void> finish(Request& request);
  void remember(const Request& request, bool is_sent);
  void forget_matching(const Request& request);
  bool post_next();
  void handle_posted_answer();

  const uint32_t id_;
  const uint32_t kind_;
  const int family_;
  WaitQueue ready_queue_;
  WaitQueue request_queue_;
  SpinLock lock_;

  Mutex send_mutex_{MutexRank::EndpointSend};
  RingPlace send_ring_;
  uint32_t send_head_ = 0;  // what the block says is a copy
  Mutex receive_mutex_{MutexRank::EndpointReceive};
  RingPlace receive_ring_;
  uint32_t receive_tail_ = 0;

  Slot slot_ = Slot::Free;  // lock_
  uint32_t sequence_ = 0;   // lock_
  uint32_t life_ = 0;       // lock_: the service's life that the slot belongs to
  List<RememberedRequest, &RememberedRequest::node> remembered_;  // lock_, in order of sending
  RememberedRequest* next_to_send_ = nullptr;                     // lock_
  uint32_t remembered_count_ = 0;                                 // lock_
  Seen seen_;                                                     // lock_

  bool is_bound_ = false;  // all atomic
  bool is_listening_ = false;
  bool is_stopped_ = false;
  bool is_closed_ = false;
  bool is_announced_ = false;  // the service knows the socket
  bool is_lost_ = false;       // its connection went with a life of the service
  bool is_retired_ = false;

  RefPtr<Endpoint> listener_;  // until offered
  bool was_offered_ = false;
  ListNode pending_node_;
  List<Endpoint, &Endpoint::pending_node_> pending_;  // lock_; each with a reference
  uint32_t pending_count_ = 0;                        // atomic reads

 protected:
  ~Endpoint() override;
};

}  // namespace runtime
