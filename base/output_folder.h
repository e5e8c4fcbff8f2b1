// Writing a set of files into a folder so that they appear whole or not at all.
//
// The folder may already hold files of others (mlc-chat-config.json, tokenizer), which stay. New
// files are made in OUT/.mlc-partial/, on the same file system. commit() makes them appear in an
// order that is safe to be killed in at any point: old index files go first, then the data files
// are renamed into place, then the new index files, with the folder synced between. So an index
// file exists only while every file it names is in place and synced.
//
// Every step of commit() is a rename; a file that has to go is moved to OUT/.mlc-partial/old-NAME.
// When a step fails, all of them are undone in reverse, and OUT is as it was.
//
// One writer at a time: OUT/.mlc-partial/lock is held with flock(2), which the kernel releases when
// a process dies. A file system without flock is refused.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlc {

class OutputFolder {
 public:
  // Creates OUT (and parents) when absent, and the partial folder. A partial folder that a killed
  // run left is kept with `resume`, else emptied. Error(kIo): OUT is a file, not writable, or in
  // use by another process; then nothing is left behind.
  OutputFolder(const std::string& out, bool resume);
  // Without commit(): the partial folder is removed (or left, after keep_partial()), and so are OUT
  // and its parents if the constructor made them.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return out_; }
  // Where a new file of this name is made.
  std::string partial_path(std::string_view name) const;
  // A file of this name that an interrupted run may have finished: in the partial folder, or in OUT
  // (the run was killed in commit()). Empty if in neither. The caller has to check what it holds.
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
  void make_out();
  void open_partial();
  int try_lock();
  void empty_partial();
  void remove_partial();
  void remove_made();
  void move(const std::string& from, const std::string& to);
  void retire(const std::string& name);
  void place(const Commit& commit);
  void undo_moves();
  std::string out_path(std::string_view name) const;

  std::string out_;
  std::string partial_;
  std::vector<std::string> made_;  // folders that make_out() made, outermost first
  int lock_ = -1;
  bool made_partial_ = false;
  bool keep_partial_ = false;
  std::vector<std::pair<std::string, std::string>> moves_;  // renames of a commit, from and to
};

// Does `out` hold any of these names?
bool holds_any(const std::string& out, std::span<const std::string_view> names);

}  // namespace mlc
