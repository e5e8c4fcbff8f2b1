// What killed runs left behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/reporter.h"

namespace mlc {

struct GcOptions {
  std::vector<std::string> places;  // layouts, model folders, folders that hold these
  bool dry_run = false;
  bool check = false;  // also hashes every blob that a layout names
};

struct GcSummary {
  struct Removed {
    std::string path;
    std::string why;
    std::uint64_t bytes = 0;
  };
  std::vector<Removed> removed;   // with dry_run: what would be
  std::vector<std::string> busy;  // places where a writer is at work; nothing was touched there
  std::vector<std::string>
      damaged;              // with check: blobs that are missing or not what they should be
  std::uint64_t bytes = 0;  // of all that was removed
};

// In each place and the folders below it, four levels deep: .mlc-partial of writers that are gone
// (with it what --resume would have used), OUTPUT.tmp-PID-NUMBER of processes that are gone, and in
// a layout the blobs that its index does not name. A layout whose index names documents of kinds
// that are not known keeps all its blobs. Links are not followed. Error(kUsage): no such folder;
// kIo: something can't be removed.
GcSummary collect_garbage(const GcOptions& options, Reporter& reporter);

}  // namespace mlc
