// A package on disk: an OCI image layout. One layout may hold several versions of several models,
// kernel bundles and signatures; files that are equal are stored once.
//
//   PKG/oci-layout            {"imageLayoutVersion":"1.0.0"}
//   PKG/index.json            which manifests there are, each with its tag
//   PKG/blobs/sha256/<hex>    every manifest, config and file
//
// Reading takes a folder or a tar of one (package/oci/tar.h). Every read of a blob checks its size
// before its bytes, and its digest.
//
// Writing goes blob by blob into PKG/.mlc-partial/ on the same file system: each is synced, then
// renamed to its digest; index.json is replaced last, by a rename. So a tag is there exactly when
// all that it names is there and synced. Error: blobs and folders that this writer made are removed
// again. Killed: what was finished stays as blobs that nothing names, and the next writer, or
// `mlc gc`, removes the rest. One writer at a time (package/oci/writer_lock.h); others wait.
//
// A blob that is there already is never taken on its size alone (bit rot): bytes at hand replace
// it by rename, and holds() hashes it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "package/digest.h"
#include "package/oci/manifest.h"

namespace mlc {

class Layout {
 public:
  // Folder or tar. Error(kUsage) when nothing is there, kBadInput when it is no layout.
  explicit Layout(const std::string& path);
  ~Layout();
  Layout(Layout&&) noexcept;
  Layout& operator=(Layout&&) noexcept;

  const std::string& path() const;
  const Index& index() const;
  // The manifest of this tag; with an empty tag the only model of the layout, or its only manifest.
  // Error(kUsage) lists the tags that there are.
  Descriptor find(std::string_view tag) const;
  // Manifests whose subject is this digest.
  std::vector<std::pair<Descriptor, Manifest>> referrers(const Digest& subject) const;

  bool holds(const Digest& digest) const;
  // The whole blob, checked: Error(kVerify) when size or bytes differ from the descriptor,
  // kBadInput when it has more than `max_bytes`.
  std::string read(const Descriptor& blob, std::uint64_t max_bytes) const;
  Manifest manifest(const Descriptor& descriptor) const;
  // The blob in blocks, in order, while it is hashed; Error(kVerify) after the last block when the
  // digest differs, so what was made of them must not be kept.
  void stream(const Descriptor& blob,
              const std::function<void(std::span<const std::byte>)>& take) const;
  // Reads parts of a blob, for as long as this layout lives: its size is checked (Error(kVerify)),
  // its bytes are not. Thread-safe.
  std::function<void(std::uint64_t offset, std::span<std::byte> out)> reader(
      const Descriptor& blob) const;
  // The file that holds this blob; empty for a tar.
  std::string blob_path(const Digest& digest) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "PKG", "PKG:tag" or a tar as a Layout and the tag: "PKG:tag" only when "PKG:tag" itself is no
// path and PKG is.
struct LayoutPlace {
  std::string path;
  std::string tag;  // empty: none was given
};
LayoutPlace parse_layout_place(const std::string& text);
// Does this path hold an OCI layout (folder or tar)? Never throws for what is not there.
bool is_layout(const std::string& path);

class LayoutWriter {
 public:
  // Makes PKG when absent. Waits for another writer (`note`, may be null, is told so), at most
  // `wait_seconds`, then Error(kIo) "in use". Error(kUsage): PKG is a file, or a folder with other
  // files than a layout's.
  explicit LayoutWriter(const std::string& path, unsigned wait_seconds = 600,
                        const std::function<void(const std::string&)>& note = nullptr);
  ~LayoutWriter();  // without commit(): removes what this writer made
  LayoutWriter(const LayoutWriter&) = delete;
  LayoutWriter& operator=(const LayoutWriter&) = delete;

  const std::string& path() const;
  // With the right size and the right bytes: hashed, once a run. Thread-safe.
  bool holds(const Descriptor& blob) const;
  // The index as it is now; empty in a new layout.
  Index index() const;
  // A blob that is there already, checked as Layout::read() does.
  std::string read(const Descriptor& blob, std::uint64_t max_bytes) const;

  // A small blob. Thread-safe, as is everything below but commit().
  Descriptor add(std::string_view media_type, std::string_view bytes);

  // A blob whose digest is known only at the end (a file that is packed) or before (a download).
  class Blob {
   public:
    virtual ~Blob() = default;  // without finish(): the partial file is removed, unless kept
    virtual void write(std::span<const std::byte> block) = 0;
    virtual std::uint64_t size() const = 0;  // written so far
    // A download begins anew: size() is 0 again.
    virtual void restart() = 0;
    // Syncs, renames to its digest. With `expected`: Error(kVerify) when digest or size differ; the
    // partial file is removed then.
    virtual Descriptor finish(std::string_view media_type) = 0;
    virtual Descriptor finish(const Descriptor& expected) = 0;
  };
  // `size`, when known, is reserved on disk at once; finish() then wants exactly that.
  std::unique_ptr<Blob> begin(std::uint64_t size = 0);
  // A download that may go on where a killed one stopped: size() bytes are there already, and were
  // hashed again. On an error the partial file stays for the next time. One at a time of a digest.
  std::unique_ptr<Blob> resume(const Descriptor& expected);
  // Without commit(), downloads that were finished go back to be partial files, and those stay
  // (the default), or all are removed: after a full disk, say. Thread-safe.
  void keep_downloads(bool keep);

  // Puts these into the index, each under its tag (empty: no tag). A manifest that had the tag goes
  // from the index, with what refers to it, unless it has another tag; `mlc gc` removes the blobs.
  // The tags appear together.
  struct Entry {
    Descriptor manifest;
    std::string tag;
  };
  void commit(std::span<const Entry> entries);
  // Bytes of blobs that were not there before.
  std::uint64_t written_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Is this a tag by distribution-spec's grammar, [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}?
bool is_tag(std::string_view text);

}  // namespace mlc
