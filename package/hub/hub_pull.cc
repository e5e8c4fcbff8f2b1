#include "package/hub/hub_pull.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>

#include <fnmatch.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "base/units.h"
#include "package/hub/hub_cache.h"
#include "package/hub/hub_hash.h"
#include "package/hub/hub_server.h"
#include "package/hub/partial_blob.h"

namespace mlc {
namespace {

constexpr std::uint64_t kMaxPointer = 1024;
constexpr std::uint64_t kMaxText = std::uint64_t{64} << 20;

// Hashes what arrives, so that a file is read again only where an earlier run left a part of it.
class HashingTarget final : public DownloadTarget {
 public:
  HashingTarget(PartialBlob& partial, const HubFile& file)
      : partial_(partial), file_(file), hash_(file.etag, file.size) {
    if (partial.size() == 0) return;
    InputFile left(partial.path());
    std::vector<std::byte> block(std::size_t{1} << 20);
    for (std::uint64_t at = 0; at < left.size();) {
      throw_if_cancelled();
      auto part = std::span(block).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), left.size() - at)));
      left.read(at, part);
      hash_.update(part);
      at += part.size();
    }
  }
  std::uint64_t size() const override { return partial_.size(); }
  void write(std::span<const std::byte> block) override {
    partial_.write(block);
    hash_.update(block);
  }
  void restart() override {
    partial_.restart();
    hash_ = HubHash(file_.etag, file_.size);
  }
  std::string finish() { return hash_.finish(); }

 private:
  PartialBlob& partial_;
  const HubFile& file_;
  HubHash hash_;
};

bool is_weights(std::string_view name) {
  constexpr std::array<std::string_view, 6> kEnds = {".safetensors", ".bin", ".gguf",
                                                     ".npz",         ".pt",  ".pth"};
  return std::any_of(kEnds.begin(), kEnds.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

bool matches(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string pattern) {
    if (pattern.ends_with('/')) pattern += '*';
    return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
  });
}

class Pull {
 public:
  Pull(HubAddress address, HubEnvironment environment, const HubPullOptions& options,
       Reporter& reporter)
      : address_(std::move(address)),
        environment_(std::move(environment)),
        options_(options),
        reporter_(reporter),
        cache_(environment_.cache, address_.repository),
        server_(environment_, address_, options.allow_http, options.ca_file) {}

  HubSnapshot run();

 private:
  std::string find_commit();
  HubListing find_listing();
  std::vector<HubFile> choose();
  std::vector<HubFile> files_of(const std::vector<std::string>& names) const;
  std::string read_text(const std::string& name);
  std::vector<HubFile> missing_of(const std::vector<HubFile>& files, Reporter& reporter);
  bool is_sound(const HubFile& file, const std::function<void(std::uint64_t)>& advance) const;
  void obtain(const std::vector<HubFile>& files, Reporter& reporter);
  void refuse_offline(const std::vector<HubFile>& missing) const;
  void refuse_pointers(const std::vector<HubFile>& files) const;
  void check_space(const std::vector<HubFile>& missing) const;
  void fetch_all(std::vector<HubFile> missing, Reporter& reporter);
  void fetch(HttpClient& client, const HubFile& file, Reporter& reporter);

  const HubAddress address_;
  const HubEnvironment environment_;
  const HubPullOptions& options_;
  Reporter& reporter_;
  const HubCache cache_;
  const HubServer server_;
  HubListing listing_;
  std::atomic<std::uint64_t> received_ = 0;
};

std::string Pull::find_commit() {
  if (is_commit(address_.revision)) return address_.revision;
  std::optional<std::string> known = cache_.ref(address_.revision);
  if (!environment_.offline) try {
      return server_.commit_of_revision();
    } catch (const HttpTransportError& error) {
      if (!known) throw;
      fail(ExitCode::kNetwork, "{}; HF_HUB_OFFLINE=1 takes commit {} from the cache", error.what(),
           *known);
    }
  if (!known)
    fail(ExitCode::kNetwork,
         "{}: HF_HUB_OFFLINE is set, and the cache {} knows no {} of this model; unset it, and "
         "pull once",
         address_.shown(), printable(environment_.cache, 1024), address_.revision);
  return *known;
}

HubListing Pull::find_listing() {
  const std::string commit = find_commit();
  if (std::optional<HubListing> known = cache_.listing(commit)) return std::move(*known);
  if (!environment_.offline) return server_.listing(commit);
  std::error_code ignored;
  if (!std::filesystem::is_directory(cache_.snapshot(commit), ignored))
    fail(ExitCode::kNetwork,
         "{}: HF_HUB_OFFLINE is set, and the cache {} has no files of commit {}; unset it, and "
         "pull once",
         address_.shown(), printable(environment_.cache, 1024), commit);
  reporter_.warn(fmt::format(
      "{}: the snapshot in {} was made by another program; which files the model has besides is "
      "not known offline",
      address_.shown(), printable(environment_.cache, 1024)));
  return cache_.listing_of_snapshot(commit);
}

std::vector<HubFile> Pull::files_of(const std::vector<std::string>& names) const {
  std::vector<HubFile> files;
  for (const std::string& name : names) {
    const HubFile* file = listing_.find(name);
    if (!file) fail(ExitCode::kNetwork, "{}: holds no file {}", address_.shown(), printable(name));
    files.push_back(*file);
  }
  return files;
}

std::vector<HubFile> Pull::choose() {
  std::vector<std::string> names;
  const std::string& part = address_.file;
  for (const HubFile& file : listing_.files) {
    const std::string& name = file.name;
    if (!part.empty() && !options_.choose && name != part && !name.starts_with(part + "/"))
      continue;
    if (!options_.include.empty() && !matches(name, options_.include)) continue;
    if (!matches(name, options_.exclude)) names.push_back(name);
  }
  if (options_.choose)
    names = options_.choose(names, [this](const std::string& name) { return read_text(name); });
  if (names.empty())
    fail(
        ExitCode::kNetwork, "{}: has no such files; it has {}", address_.shown(),
        listing_.files.empty() ? "none" : [this] {
          std::vector<std::string> all;
          for (const HubFile& file : listing_.files)
            all.push_back(file.name);
          return printable_list(all);
        }());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return files_of(names);
}

std::string Pull::read_text(const std::string& name) {
  std::vector<HubFile> files = files_of({name});
  if (files[0].size > kMaxText)
    bad_input("{}/{}: {} bytes, expected at most {}", address_.shown(), printable(name),
              files[0].size, kMaxText);
  SilentReporter silent;
  obtain(files, silent);
  return read_file(cache_.blob(files[0].etag), kMaxText);
}

bool Pull::is_sound(const HubFile& file, const std::function<void(std::uint64_t)>& advance) const {
  const std::string path = cache_.blob(file.etag);
  std::error_code error;
  if (file.etag.empty() || !std::filesystem::is_regular_file(path, error)) return false;
  InputFile blob(path);
  return blob.size() == file.size && hub_hash_of(blob, file.etag, advance) == file.etag;
}

// Of each content one file, without those that the cache has.
std::vector<HubFile> Pull::missing_of(const std::vector<HubFile>& files, Reporter& reporter) {
  std::vector<HubFile> distinct = files;
  auto by_etag = [](const HubFile& a, const HubFile& b) { return a.etag < b.etag; };
  std::stable_sort(distinct.begin(), distinct.end(), by_etag);
  std::erase_if(distinct, [&, last = std::string("none")](const HubFile& file) mutable {
    bool again = !file.etag.empty() && file.etag == last;
    last = file.etag;
    return again;
  });
  std::uint64_t there = 0;
  std::error_code ignored;
  for (const HubFile& file : distinct)
    if (std::filesystem::exists(cache_.blob(file.etag), ignored)) there += file.size;
  if (there > 0) reporter.begin("check cached files", there);
  std::vector<char> sound(distinct.size());
  parallel_for(std::max(1U, std::min(default_threads(), options_.connections)), distinct.size(),
               [&](std::size_t i, unsigned) {
                 auto advance = [&](std::uint64_t n) { reporter.advance(n); };
                 sound[i] = is_sound(distinct[i], advance) ? 1 : 0;
               });
  if (there > 0) reporter.end();
  std::vector<HubFile> missing;
  for (std::size_t i = 0; i < distinct.size(); i++) {
    if (sound[i]) continue;
    if (std::filesystem::exists(cache_.blob(distinct[i].etag), ignored) &&
        !distinct[i].etag.empty())
      reporter.warn(fmt::format("{}: {} in the cache is damaged{}", address_.shown(),
                                printable(distinct[i].name),
                                environment_.offline ? "" : ", and is fetched again"));
    missing.push_back(distinct[i]);
  }
  return missing;
}

void Pull::refuse_offline(const std::vector<HubFile>& missing) const {
  std::vector<std::string> names;
  bool damaged = false;
  std::error_code ignored;
  for (const HubFile& file : missing) {
    names.push_back(file.name);
    damaged |= !file.etag.empty() && std::filesystem::exists(cache_.blob(file.etag), ignored);
  }
  fail(damaged ? ExitCode::kVerify : ExitCode::kNetwork,
       "{}: HF_HUB_OFFLINE is set, and in the cache {} these files are missing or damaged: {}; "
       "unset it to fetch them",
       address_.shown(), printable(environment_.cache, 1024), printable_list(names));
}

void Pull::check_space(const std::vector<HubFile>& missing) const {
  std::uint64_t needed = 0;
  for (const HubFile& file : missing)
    needed += file.size;
  std::uint64_t free = free_bytes(cache_.folder());
  if (needed > free)
    fail(ExitCode::kIo, "{}: {} are needed for {}, {} are free; set HF_HOME to a larger place",
         printable(environment_.cache, 1024), bytes_text(needed), address_.shown(),
         bytes_text(free));
}

void Pull::obtain(const std::vector<HubFile>& files, Reporter& reporter) {
  check_hub_names(files, address_.shown());
  std::vector<HubFile> missing = missing_of(files, reporter);
  if (missing.empty()) return;
  if (environment_.offline) refuse_offline(missing);
  cache_.make();
  check_space(missing);
  fetch_all(std::move(missing), reporter);
}

void Pull::fetch_all(std::vector<HubFile> missing, Reporter& reporter) {
  // Large files first: what is left at the end is short.
  std::stable_sort(missing.begin(), missing.end(),
                   [](const HubFile& a, const HubFile& b) { return a.size > b.size; });
  std::uint64_t total = 0;
  for (const HubFile& file : missing)
    total += file.size;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::exception_ptr first;
  unsigned threads = std::max(1U, options_.connections);
  std::vector<HttpClient> clients;
  for (unsigned i = 0; i < threads; i++)
    clients.push_back(server_.file_client(&stop));
  reporter.begin("download", total);
  parallel_for(threads, missing.size(), [&](std::size_t i, unsigned worker) {
    if (stop) return;
    try {
      fetch(clients[worker], missing[i], reporter);
    } catch (...) {
      std::scoped_lock lock(mutex);
      if (!stop.exchange(true)) first = std::current_exception();
    }
  });
  if (first) std::rethrow_exception(first);
  reporter.end();
}

void Pull::fetch(HttpClient& client, const HubFile& file, Reporter& reporter) {
  const std::string path = cache_.blob(file.etag);
  BlobLock lock(cache_.lock(file.etag));
  // Another process may have made it meanwhile.
  if (is_sound(file, [](std::uint64_t) {})) return reporter.advance(file.size);
  PartialBlob partial(path, file.size);
  HashingTarget target(partial, file);
  bool whole = partial.size() == 0;
  if (!whole) reporter.advance(partial.size());
  for (;;) {
    try {
      DownloadResult result = server_.download_file(
          client, listing_.commit, file, target,
          [&](std::uint64_t bytes) { reporter.advance(bytes); },
          [&](const std::string& text) { reporter.note(text); });
      received_ += result.received;
      whole = whole && result.tries == 1;
    } catch (const Error& error) {
      if (error.code() == ExitCode::kNetwork) partial.keep();
      throw;
    } catch (const Cancelled&) {
      partial.keep();
      throw;
    }
    std::string found = target.finish();
    if (found == file.etag) break;
    if (whole)
      fail(ExitCode::kVerify, "{}/{}: its {} is {}, the hub says {}; nothing of it was kept",
           address_.shown(), printable(file.name),
           file.etag.size() == 64 ? "SHA-256" : "git blob hash", found, file.etag);
    // Parts that came at different times don't fit together: once more, in one piece.
    reporter.note(fmt::format("{}/{}: the parts don't fit together; fetching it anew",
                              address_.shown(), printable(file.name)));
    target.restart();
    whole = true;
  }
  partial.sync();
  partial.commit();
  reporter.event(
      "file", Json::object().set("name", file.name).set("bytes", file.size).set("etag", file.etag));
}

// Some repositories were filled with what git-lfs leaves where it is not installed.
void Pull::refuse_pointers(const std::vector<HubFile>& files) const {
  for (const HubFile& file : files) {
    if (file.size > kMaxPointer || !is_weights(file.name)) continue;
    std::string text = read_file(cache_.blob(file.etag), kMaxPointer);
    if (text.starts_with("version https://git-lfs.github.com/spec/"))
      bad_input(
          "{}/{}: is a git-lfs pointer of {} bytes, not weights; the model was uploaded without "
          "git-lfs",
          address_.shown(), printable(file.name), file.size);
  }
}

HubSnapshot Pull::run() {
  const auto start = std::chrono::steady_clock::now();
  if (environment_.cache.empty())
    fail(ExitCode::kUsage, "there is no place for a cache: set HOME, HF_HOME or HF_HUB_CACHE");
  listing_ = find_listing();
  std::vector<HubFile> files = choose();
  obtain(files, reporter_);
  refuse_pointers(files);
  const std::string& commit = listing_.commit;
  if (!environment_.offline && !cache_.listing(commit)) cache_.write_listing(listing_);
  cache_.link(commit, files);
  if (!environment_.offline && address_.revision != commit)
    cache_.write_ref(address_.revision, commit);
  HubSnapshot out;
  out.folder = cache_.snapshot(commit);
  out.commit = commit;
  for (const HubFile& file : files) {
    out.files.push_back(file.name);
    out.bytes += file.size;
  }
  out.downloaded_bytes = received_;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace

HubSnapshot pull_hub(const std::string& address, const HubPullOptions& options,
                     Reporter& reporter) {
  return Pull(parse_hub_address(address), hub_environment(), options, reporter).run();
}

}  // namespace mlc
