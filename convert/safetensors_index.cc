#include "convert/safetensors_index.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "convert/not_weights.h"
#include "convert/safetensors.h"

namespace mlc {
namespace {

constexpr JsonLimits kLimits = {
    .max_bytes = std::size_t{64} << 20, .max_depth = 8, .max_string = 64 * 1024};

// A plain path below the folder; not a way out of it, nor a URL, nor a Windows drive.
bool stays_below(std::string_view path) {
  constexpr std::size_t kMaxPath = 1024, kMaxPart = 255;
  if (path.size() > kMaxPath) return false;
  for (char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\' || c == ':') return false;
  while (true) {
    std::size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > kMaxPart) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

class IndexReader : public JsonHandler {
 public:
  explicit IndexReader(std::string where) : where_(std::move(where)) {}

  SafetensorsIndex take() { return std::move(index_); }

  void begin_object(std::size_t at) override { open(at, true); }
  void end_object() override { depth_--; }
  void begin_array(std::size_t at) override { open(at, false); }
  void end_array() override { depth_--; }
  void key(std::string_view name, std::size_t) override {
    if (depth_ == 1) section_ = name;
    if (depth_ == 2) name_ = name;
  }
  void string(std::string_view value, std::size_t at) override {
    if (depth_ == 2 && section_ == "weight_map")
      add(value, at);
    else
      other(at);
  }
  void number(std::string_view text, bool, std::size_t at) override {
    other(at);
    if (depth_ != 2 || section_ != "metadata" || name_ != "total_size") return;
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc()) index_.total_size = value;
  }
  void boolean(bool, std::size_t at) override { other(at); }
  void null(std::size_t at) override { other(at); }

 private:
  template <class... A>
  [[noreturn]] void refuse(std::size_t at, fmt::format_string<A...> format, A&&... args) const {
    bad_input("{}: byte {}: {}", where_, at, fmt::format(format, std::forward<A>(args)...));
  }

  void open(std::size_t at, bool object) {
    bool map = depth_ == 1 && object && section_ == "weight_map";
    if (!map && !(depth_ == 0 && object)) other(at);
    depth_++;
  }

  // Any value but an entry of weight_map.
  void other(std::size_t at) const {
    if (depth_ == 0) refuse(at, "must be an object with a weight_map");
    if (section_ != "weight_map") return;
    if (depth_ == 1) refuse(at, "weight_map must be an object of tensor name to file name");
    refuse(at, "weight_map: file of tensor '{}' must be a string", printable(name_));
  }

  void add(std::string_view file, std::size_t at) {
    auto known = file_ids_.find(file);
    if (known == file_ids_.end()) {
      if (!stays_below(file))
        refuse(at, "weight_map: tensor '{}' in file '{}', expected a plain path below the folder",
               printable(name_), printable(file));
      known = file_ids_.emplace(file, index_.files.size()).first;
      index_.files.emplace_back(file);
    }
    index_.entries.push_back({name_, known->second});
  }

  const std::string where_;
  std::size_t depth_ = 0;
  std::string section_, name_;  // the last key at depth 1 and 2
  std::map<std::string, std::size_t, std::less<>> file_ids_;
  SafetensorsIndex index_;
};

// Opens one more file of the checkpoint and gives its tensors, which know their file.
std::vector<SourceTensor> add_file(Checkpoint& checkpoint, const SourceFolder& folder,
                                   const std::string& name, ReadTensors read) {
  std::shared_ptr<InputFile> file = folder.open(name);
  std::vector<SourceTensor> tensors = read(file, checkpoint.warnings);
  std::uint64_t elements = 0;
  for (SourceTensor& t : tensors) {
    t.file = checkpoint.files.size();
    elements += static_cast<std::uint64_t>(t.elements());
  }
  checkpoint.files.push_back({name, std::move(file), elements});
  return tensors;
}

void throw_if_empty(const Checkpoint& checkpoint) {
  if (checkpoint.tensors.empty())
    bad_input("{}: no tensors in the checkpoint", printable(checkpoint.folder, 1024));
}

// The entries of an index and what the files turned out to hold.
class Matcher {
 public:
  explicit Matcher(const SafetensorsIndex& index)
      : index_(index),
        found_(index.entries.size()),
        matched_(index.entries.size()),
        by_name_(index.entries.size()) {
    std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
    std::sort(by_name_.begin(), by_name_.end(),
              [&](std::size_t a, std::size_t b) { return name(a) < name(b); });
  }

  void add(SourceTensor tensor) {
    auto it = std::lower_bound(by_name_.begin(), by_name_.end(), tensor.name,
                               [&](std::size_t i, const std::string& n) { return name(i) < n; });
    if (it == by_name_.end() || name(*it) != tensor.name) {
      extra_.push_back(std::move(tensor.name));
    } else if (index_.entries[*it].file != tensor.file) {
      elsewhere_.push_back({*it, tensor.file});
    } else {
      total_ += tensor.nbytes;
      found_[*it] = std::move(tensor);
      matched_[*it] = true;
    }
  }

  // All entries are found, each in its own file only.
  void throw_unless_matched(const std::string& where) const {
    std::vector<std::string> lacking, twice;
    for (std::size_t i = 0; i < found_.size(); i++)
      if (!matched_[i])
        lacking.push_back(fmt::format("{} (in {})", name(i), file(index_.entries[i].file)));
    for (auto [entry, other] : elsewhere_)
      twice.push_back(fmt::format("{} (in {} and {})", name(entry),
                                  file(index_.entries[entry].file), file(other)));
    if (!lacking.empty())
      bad_input("{}: names {} that the files do not hold: {}", where,
                count(lacking.size(), "tensor"), printable_list(lacking));
    if (!twice.empty())
      bad_input("{}: {} in two files: {}", where, count(twice.size(), "tensor"),
                printable_list(twice));
  }

  // By file, and within a file in the order of the index.
  void move_into(Checkpoint& checkpoint) {
    std::vector<std::size_t> order(found_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return index_.entries[a].file < index_.entries[b].file;
    });
    checkpoint.tensors.reserve(order.size());
    for (std::size_t i : order)
      checkpoint.tensors.push_back(std::move(found_[i]));
  }

  const std::vector<std::string>& extra() const { return extra_; }
  std::uint64_t total() const { return total_; }
  static std::string count(std::size_t n, std::string_view noun) {
    return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
  }

 private:
  struct Elsewhere {
    std::size_t entry, file;
  };
  const std::string& name(std::size_t entry) const { return index_.entries[entry].tensor; }
  const std::string& file(std::size_t i) const { return index_.files[i]; }

  const SafetensorsIndex& index_;
  std::vector<SourceTensor> found_;  // as entries
  std::vector<bool> matched_;
  std::vector<std::size_t> by_name_;
  std::vector<std::string> extra_;
  std::vector<Elsewhere> elsewhere_;
  std::uint64_t total_ = 0;
};

void throw_if_files_missing(const SafetensorsIndex& index, const SourceFolder& folder,
                            const std::string& where) {
  std::vector<std::string> missing;
  for (const std::string& name : index.files)
    if (!folder.holds(name)) missing.push_back(name);
  if (!missing.empty())
    bad_input("{}: names {} that {} not there: {}; download the rest of the model", where,
              Matcher::count(missing.size(), "file"), missing.size() == 1 ? "is" : "are",
              printable_list(missing));
}

}  // namespace

SafetensorsIndex parse_safetensors_index(std::string_view text, const std::string& where) {
  std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] != '{' && text[first] != '[')
    throw_if_not_weights(text.substr(0, 512), where);
  IndexReader reader(printable(where, 1024));
  parse_json_events(text, where, kLimits, reader);
  SafetensorsIndex index = reader.take();
  if (index.entries.empty())
    bad_input("{}: no tensors, expected a weight_map of tensor name to file name",
              printable(where, 1024));
  return index;
}

std::vector<SourceTensor> safetensors_tensors(const std::shared_ptr<InputFile>& file,
                                              std::vector<std::string>& warnings) {
  return read_safetensors(*file, warnings);
}

Checkpoint open_indexed(const SourceFolder& folder, const std::string& index_name,
                        ReadTensors read) {
  std::string path = folder.path_of(index_name);
  std::string where = printable(path, 1024);
  SafetensorsIndex index =
      parse_safetensors_index(folder.read_text(index_name, kLimits.max_bytes), path);
  throw_if_files_missing(index, folder, where);

  Checkpoint checkpoint;
  checkpoint.folder = folder.path();
  Matcher matcher(index);
  for (const std::string& name : index.files)
    for (SourceTensor& tensor : add_file(checkpoint, folder, name, read))
      matcher.add(std::move(tensor));
  matcher.throw_unless_matched(where);
  if (!matcher.extra().empty())
    checkpoint.warnings.push_back(fmt::format(
        "{}: does not mention {} that the files hold: {}", where,
        Matcher::count(matcher.extra().size(), "tensor"), printable_list(matcher.extra())));
  if (index.total_size && *index.total_size != static_cast<double>(matcher.total()))
    checkpoint.warnings.push_back(
        fmt::format("{}: total_size is {:.17g}, but the tensors have {} bytes", where,
                    *index.total_size, matcher.total()));
  matcher.move_into(checkpoint);
  throw_if_empty(checkpoint);
  checkpoint.build_lookup();
  return checkpoint;
}

Checkpoint open_files(const SourceFolder& folder, const std::vector<std::string>& names,
                      ReadTensors read) {
  Checkpoint checkpoint;
  checkpoint.folder = folder.path();
  for (const std::string& name : names) {
    std::vector<SourceTensor> tensors = add_file(checkpoint, folder, name, read);
    if (checkpoint.tensors.empty())
      checkpoint.tensors = std::move(tensors);
    else
      std::move(tensors.begin(), tensors.end(), std::back_inserter(checkpoint.tensors));
  }
  throw_if_empty(checkpoint);

  std::vector<const SourceTensor*> sorted;
  sorted.reserve(checkpoint.tensors.size());
  for (const SourceTensor& t : checkpoint.tensors)
    sorted.push_back(&t);
  std::sort(sorted.begin(), sorted.end(),
            [](const SourceTensor* a, const SourceTensor* b) { return a->name < b->name; });
  std::vector<std::string> twice;
  for (std::size_t i = 1; i < sorted.size(); i++)
    if (sorted[i]->name == sorted[i - 1]->name)
      twice.push_back(fmt::format("{} (in {} and {})", sorted[i]->name,
                                  checkpoint.files[sorted[i - 1]->file].name,
                                  checkpoint.files[sorted[i]->file].name));
  if (!twice.empty())
    bad_input("{}: {} in two files: {}; name one file, or an index, as the source",
              printable(folder.path(), 1024), Matcher::count(twice.size(), "tensor"),
              printable_list(twice));
  checkpoint.build_lookup();
  return checkpoint;
}

}  // namespace mlc
