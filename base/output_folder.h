// Writing a set of files into a folder so that they appear whole or not at all.
//
// The folder may already hold files of others (mlc-chat-config.json, tokenizer), which stay. New
// files are made in OUT/.mlc-partial/, on the same file system. commit() makes them appear in an
// order that is safe to be killed in at any point: old index files go first, then the data files
// are renamed into place, then the new index files, with the folder synced between. So an index
// file exists only while every file it names is in place and synced.
//
// Every step of commit() is a rename; a file that has to go is moved to OUT/.mlc-partial/old-NAME.
// What holds when something goes wrong (tests/faults tries every system call):
//
//   an error before commit()    OUT is as it was, and gone if the constructor made it
//   an error within commit()    every step is undone in reverse: OUT is as it was. If undoing fails
//                               too (the disk is gone, say), nothing was deleted, the partial
//                               folder stays for --resume, and the message says so
//   killed before commit()      OUT is as it was, beside a partial folder
//   killed within commit()      OUT holds the old files, perhaps without some of their index files;
//                               then no index; then the new files. The old ones are not brought
//                               back: the new ones are complete on disk, and --resume finishes
//   an error after commit()     none is reported: OUT is complete; files may stay in the partial
//                               folder until the next run
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
  // Without commit(): the partial folder is removed (or left, with keep_partial(), unless it is
  // empty), and so are OUT and its parents if the constructor made them and they are empty.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return out_; }
  // Where a new file of this name is made.
  std::string partial_path(std::string_view name) const;
  // A file of this name that an interrupted run may have finished: in the partial folder, or in OUT
  // (the run was killed in commit()). Empty if in neither. The caller has to check what it holds.
  std::string find_finished(std::string_view name) const;
  void keep_partial(bool keep = true) { keep_partial_ = keep; }
  // Removes what a killed run left in the partial folder.
  void discard_leftovers();
  // Was an earlier run killed while it committed these index files, in this order, so that the
  // first ones are in OUT and the others still wait?
  bool was_killed_between(std::span<const std::string_view> index) const;

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
  void remove_partial();
  void remove_made();
  void move(const std::string& from, const std::string& to);
  void retire(const std::string& name);
  void place(const Commit& commit);
  bool undo_moves();
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
