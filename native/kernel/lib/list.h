// Intrusive doubly linked list. A node is in at most one list per ListNode member.
#pragma once

#include <stddef.h>

namespace runtime {

struct ListNode {
  ListNode* previous = nullptr;
  ListNode* next = nullptr;

  bool is_linked() const { return next != nullptr; }
  /// Takes the node out of its list; does nothing when it is in none.
  void unlink() {
    if (!next) return;
    previous->next = next;
    next->previous = previous;
    previous = next = nullptr;
  }
};

/// List of T through its ListNode member `Member`, e.g. `List<Thread, &Thread::run_node>`.
template <typename T, ListNode T::*Member>
class List {
 public:
  List() { head_.previous = head_.next = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool is_empty() const { return head_.next == &head_; }
  T* front() { return is_empty() ? nullptr : owner(head_.next); }
  T* back() { return is_empty() ? nullptr : owner(head_.previous); }
  /// The element after `element`, or null at the end.
  T* next(T* element) {
    ListNode* node = (element->*Member).next;
    return node == &head_ ? nullptr : owner(node);
  }
  void push_back(T* element) { insert_before(&head_, element); }
  void push_front(T* element) { insert_before(head_.next, element); }
  /// Links `element` right before `position`, which is in this list.
  void insert_before(T* position, T* element) { insert_before(&(position->*Member), element); }
  T* pop_front() {
    T* element = front();
    if (element) (element->*Member).unlink();
    return element;
  }
  static void remove(T* element) { (element->*Member).unlink(); }

  /// Calls `visit(T*)` for each element; the visited element may unlink itself.
  template <typename Visit>
  void for_each(Visit visit) {
    for (ListNode* node = head_.next; node != &head_;) {
      ListNode* following = node->next;
      visit(owner(node));
      node = following;
    }
  }

 private:
  static void insert_before(ListNode* position, T* element) {
    ListNode* node = &(element->*Member);
    node->previous = position->previous;
    node->next = position;
    position->previous->next = node;
    position->previous = node;
  }
  static T* owner(ListNode* node) {
    const size_t offset = reinterpret_cast<size_t>(&(reinterpret_cast<T*>(4096)->*Member)) - 4096;
    return reinterpret_cast<T*>(reinterpret_cast<char*>(node) - offset);
  }

  ListNode head_;
};

}  // namespace runtime
