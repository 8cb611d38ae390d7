#include "tests/daemon/usage/heap_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace agp::usage::test {
namespace {

struct {
  std::atomic<std::size_t> in_use, most, in_all, requests;
} counts;  // some tests have threads; those that ask have one

void* take(std::size_t size) noexcept {
  void* block = std::malloc(size == 0 ? 1 : size);
  if (block != nullptr) {
    const std::size_t size_now = ::malloc_usable_size(block);
    const std::size_t now = counts.in_use.fetch_add(size_now) + size_now;
    if (now > counts.most) {
      counts.most = now;
    }
    counts.in_all += size;
    ++counts.requests;
  }
  return block;
}

void* take_or_throw(std::size_t size) {
  void* block = take(size);
  if (block == nullptr) {
    throw std::bad_alloc();
  }
  return block;
}

void give(void* block) noexcept {
  counts.in_use -= block != nullptr ? ::malloc_usable_size(block) : 0;
  std::free(block);
}

}  // namespace

HeapCount heap_count() {
  return {counts.in_use, counts.most, counts.in_all, counts.requests};
}

void reset_heap_count() {
  counts.most = counts.in_use.load();
  counts.in_all = 0;
  counts.requests = 0;
}

}  // namespace agp::usage::test

namespace counted = agp::usage::test;

void* operator new(std::size_t size) {
  return counted::take_or_throw(size);
}
void* operator new[](std::size_t size) {
  return counted::take_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted::take(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted::take(size);
}
void operator delete(void* block) noexcept {
  counted::give(block);
}
void operator delete[](void* block) noexcept {
  counted::give(block);
}
void operator delete(void* block, std::size_t) noexcept {
  counted::give(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  counted::give(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
  counted::give(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept {
  counted::give(block);
}
