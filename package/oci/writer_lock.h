// One writer of a layout at a time: PKG/.mlc-partial, and in it two files that say who writes.
//
// `lock` is held with flock(2), which the kernel releases when a process dies. Some file systems
// have no flock and some only say that they have (Lustre, GPFS, NFS), so `writer` is made with
// O_EXCL besides and names the process: host, boot, process namespace, pid and start time. One that
// this host can tell to be dead is no hindrance; one of elsewhere is none where flock works.
#pragma once

#include <functional>
#include <string>

namespace mlc {

class WriterLock {
 public:
  // Waits for another writer, at most `wait_seconds`; `note` (may be null) is told once, before.
  // Error(kIo): "in use", or the folder can't be made or locked. PKG has to exist.
  WriterLock(const std::string& package, unsigned wait_seconds,
             const std::function<void(const std::string&)>& note);
  // Removes both files, and the folder if nothing else is in it.
  ~WriterLock();
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

  const std::string& folder() const { return folder_; }

  // Removes both files now, and the folder if nothing else is in it.
  void release();

 private:
  bool try_take();
  bool try_flock();
  bool try_writer_file();
  void close_lock();

  std::string folder_;
  std::string lock_path_;
  std::string writer_path_;
  int lock_ = -1;
  bool made_writer_ = false;
  bool no_flock_ = false;
};

// Is this name one of a file that a process makes in .mlc-partial and that goes with it, and is
// that process alive, as far as this host can tell? `unique_partial_name` gives such names.
std::string unique_partial_name();
bool is_partial_of_living_process(const std::string& name);
inline bool is_lock_name(const std::string& name) { return name == "lock" || name == "writer"; }

}  // namespace mlc
