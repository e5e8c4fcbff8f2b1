// Writing a set of files into a folder so that they appear whole or not at all.
//
// The folder may already hold files of others (mlc-chat-config.json, tokenizer), which stay. New
// files are made in OUT/.mlc-partial/, on the same file system. commit() then makes them appear in
// an order that is safe to be killed in at any point: old index files go first, then the data files
// are renamed into place, then the new index files. So an index file exists only while every file
// it names is in place and synced.
//
// One writer at a time: OUT/.mlc-partial/lock is held with flock(2); it vanishes with the process.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

class OutputFolder {
 public:
  // Creates OUT (and parents) when absent, and the partial folder. A partial folder that a killed
  // run left is kept with `resume`, else emptied. Error(kIo): OUT is a file, not writable, or in
  // use by another process.
  OutputFolder(const std::string& out, bool resume);
  // Without commit(): the partial folder is removed (or left, after keep_partial()), and OUT too if
  // the constructor made it and it is empty.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return out_; }
  // Where a new file of this name is made.
  std::string partial_path(std::string_view name) const;
  // A finished file of an interrupted run: in the partial folder, or already in OUT (the run was
  // killed in commit()). Empty if in neither.
  std::string find_finished(std::string_view name) const;
  void keep_partial() { keep_partial_ = true; }

  struct Commit {
    std::vector<std::string> data;     // in the partial folder or already in OUT, synced
    std::vector<std::string> index;    // in the partial folder, synced
    std::vector<std::string> retired;  // names removed from OUT first: all possible index files
    // Names in OUT for which this holds and that are not in `data` are removed: leftovers of an
    // earlier, larger set.
    bool (*stale)(std::string_view name) = nullptr;
  };
  void commit(const Commit& commit);

 private:
  int try_lock();

  std::string out_;
  std::string partial_;
  int lock_ = -1;
  bool made_out_ = false;
  bool keep_partial_ = false;
  bool committed_ = false;
};

// Does `out` hold any of these names?
bool holds_any(const std::string& out, std::span<const std::string_view> names);

}  // namespace mlc
