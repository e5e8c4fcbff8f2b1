// A folder that appears whole or not at all: made beside its name, synced, renamed to it.
//
// While it is made it is OUT.tmp-PID-NUMBER, with a lock (flock) that its process holds, so that
// `mlc gc` knows the folders of killed runs. Everything below it is made by open_beneath_fd(): no
// link that someone plants leads out of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "package/beneath.h"

namespace mlc {

class NewFolder {
 public:
  // Error(kUsage): OUT is there and is no empty folder, unless `overwrite`; then it is replaced as
  // a whole, if it is a folder. Error(kBadInput): OUT is a symbolic link.
  NewFolder(const std::string& out, bool overwrite);
  ~NewFolder();  // without commit(): removes what was made
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  // The folders that these files lie in.
  void make_folders(std::span<const std::string> names);

  // A file being written from its beginning to its end.
  class File {
   public:
    void write(std::span<const std::byte> block);
    void finish();  // syncs

   private:
    friend class NewFolder;
    File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    UniqueFd fd_;
    std::string path_;
    std::uint64_t size_ = 0;
  };
  // Thread-safe. `size` is reserved.
  File create(const std::string& name, std::uint64_t size);

  void commit();

 private:
  void check_out() const;
  void replace();
  void remove();

  std::string out_;
  std::string temporary_;
  bool overwrite_;
  bool is_there_ = false;  // the temporary folder
  UniqueFd root_;
  std::vector<std::string> folders_;
};

}  // namespace mlc
