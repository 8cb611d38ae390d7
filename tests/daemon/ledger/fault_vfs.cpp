#include "tests/daemon/ledger/fault_vfs.h"

#include <atomic>
#include <mutex>

#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

namespace agp::ledger::test {
namespace {

std::atomic<int> write_result{0};
std::atomic<int> error_number{0};
std::atomic<std::uint64_t> kill_at{0};
sqlite3_vfs* real_vfs = nullptr;
sqlite3_vfs fault_vfs;
sqlite3_io_methods fault_methods;

struct File {
  sqlite3_file base;
  // The real file's memory follows.
};

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1);
}

// Before each change of a file.
int change() {
  if (const auto left = kill_at.load(); left > 0) {
    if (left == 1) {
      (void)::kill(::getpid(), SIGKILL);
    }
    kill_at = left - 1;
  }
  return write_result.load();
}

int close_file(sqlite3_file* file) {
  return real(file)->pMethods->xClose(real(file));
}
int read_file(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), into, size, at);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  const int result = change();
  return result != 0 ? result : real(file)->pMethods->xWrite(real(file), from, size, at);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const int result = change();
  return result != 0 ? result : real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  const int result = change();
  return result != 0 ? result : real(file)->pMethods->xSync(real(file), flags);
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int check_lock(sqlite3_file* file, int* held) {
  return real(file)->pMethods->xCheckReservedLock(real(file), held);
}
int control_file(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** into) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, into);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void barrier(sqlite3_file* file) {
  real(file)->pMethods->xShmBarrier(real(file));
}
int unmap_shared(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const int result = real_vfs->xOpen(real_vfs, name, real(file), flags, out_flags);
  if (real(file)->pMethods != nullptr) {
    file->pMethods = &fault_methods;
  }
  return result;
}
int delete_file(sqlite3_vfs*, const char* name, int sync) {
  const int result = change();
  return result != 0 ? result : real_vfs->xDelete(real_vfs, name, sync);
}
int last_error(sqlite3_vfs*, int size, char* text) {
  const int number = error_number.load();
  return number != 0 ? number : real_vfs->xGetLastError(real_vfs, size, text);
}

}  // namespace

void install_fault_vfs() {
  static std::once_flag once;
  std::call_once(once, [] {
    real_vfs = sqlite3_vfs_find(nullptr);
    fault_vfs = *real_vfs;
    fault_vfs.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
    fault_vfs.zName = "agp-faults";
    fault_vfs.pNext = nullptr;
    fault_vfs.xOpen = open_file;
    fault_vfs.xDelete = delete_file;
    fault_vfs.xGetLastError = last_error;
    fault_methods.iVersion = 2;
    fault_methods.xClose = close_file;
    fault_methods.xRead = read_file;
    fault_methods.xWrite = write_file;
    fault_methods.xTruncate = truncate_file;
    fault_methods.xSync = sync_file;
    fault_methods.xFileSize = size_of_file;
    fault_methods.xLock = lock_file;
    fault_methods.xUnlock = unlock_file;
    fault_methods.xCheckReservedLock = check_lock;
    fault_methods.xFileControl = control_file;
    fault_methods.xSectorSize = sector_size;
    fault_methods.xDeviceCharacteristics = characteristics;
    fault_methods.xShmMap = map_shared;
    fault_methods.xShmLock = lock_shared;
    fault_methods.xShmBarrier = barrier;
    fault_methods.xShmUnmap = unmap_shared;
    (void)sqlite3_vfs_register(&fault_vfs, 1);
  });
}

void set_faults(const Faults& faults) {
  write_result = faults.write_result;
  error_number = faults.number;
  kill_at = faults.kill_at;
}

}  // namespace agp::ledger::test
