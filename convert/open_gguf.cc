#include "convert/open_gguf.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "convert/gguf.h"
#include "convert/gguf_names.h"
#include "convert/gguf_tensor.h"
#include "convert/transform.h"

namespace mlc {
namespace {

constexpr std::int64_t kMaxExperts = 65536;

struct SplitName {
  std::string base;
  std::uint64_t part = 1;
  std::uint64_t parts = 1;
};

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "BASE-00002-of-00003.gguf", as llama-gguf-split names parts.
std::optional<SplitName> split_name(std::string_view file) {
  constexpr std::string_view kShape = "-00000-of-00000.gguf";
  if (file.size() <= kShape.size()) return std::nullopt;
  std::string_view end = file.substr(file.size() - kShape.size());
  std::string_view part = end.substr(1, 5), parts = end.substr(10, 5);
  if (end[0] != '-' || end.substr(6, 4) != "-of-" || end.substr(15) != ".gguf" ||
      !all_digits(part) || !all_digits(parts))
    return std::nullopt;
  return SplitName{std::string(file.substr(0, file.size() - kShape.size())),
                   std::stoul(std::string(part)), std::stoul(std::string(parts))};
}

using Part = GgufPart;

Part read_part(const SourceFolder& folder, const std::string& name) {
  std::shared_ptr<InputFile> file = folder.open(name);
  GgufHeader header = read_gguf(*file);
  return {name, std::move(file), std::move(header)};
}

std::string shown(const Part& part) { return printable(part.file->path(), 1024); }

void expect_key(const Part& part, std::string_view key, std::uint64_t expected) {
  auto found = part.header.integer(key);
  if (!found) bad_input("{}: no {}, expected {}", shown(part), key, expected);
  if (*found != expected)
    bad_input("{}: {} is {}, expected {}", shown(part), key, *found, expected);
}

// Gives every tensor of the parts its place in the checkpoint.
class Mapper {
 public:
  Mapper(const Part& first, Checkpoint& checkpoint) : first_(first), checkpoint_(checkpoint) {
    const std::string* name = first.header.text("general.architecture");
    if (!name) bad_input("{}: no general.architecture", shown(first));
    architecture_name_ = *name;
    architecture_ = find_gguf_architecture(*name);
    if (architecture_) return;
    std::string known;
    for (const GgufArchitecture& a : gguf_architectures())
      known += fmt::format("{}{}", known.empty() ? "" : ", ", a.name);
    fail(ExitCode::kUnsupported,
         "{}: architecture {}: no names of Hugging Face are known for it, only for {}",
         shown(first), printable(*name), known);
  }

  void add(const Part& part, std::size_t file) {
    for (const GgufTensor& tensor : part.header.tensors) {
      if (!seen_.insert(tensor.name).second)
        bad_input("{}: tensor '{}' is in another part, too", shown(part), printable(tensor.name));
      GgufName name = huggingface_name(*architecture_, tensor.name)
                          .value_or(GgufName{tensor.name, GgufUndo::kNothing});
      if (name.undo == GgufUndo::kDerived) {
        derived_.push_back(tensor.name);
        continue;
      }
      if (!tensor.type->plain && !tensor.type->decode)
        fail(ExitCode::kUnsupported,
             "{}: tensor '{}' is of type {}, which is not read; convert from the original "
             "checkpoint or from another quantization",
             shown(part), printable(tensor.name), tensor.type->name);
      add_tensor(part, file, tensor, name);
    }
  }

  void finish() {
    if (!derived_.empty())
      checkpoint_.warnings.push_back(fmt::format("{}: not read, config.json says the same: {}",
                                                 shown(first_), printable_list(derived_)));
  }

 private:
  void add_tensor(const Part& part, std::size_t file, const GgufTensor& tensor,
                  const GgufName& name) {
    if (name.undo != GgufUndo::kExperts) return add_view(part, file, tensor, name, 0);
    if (tensor.shape.size() != 3)
      bad_input("{}: tensor '{}' has shape {}, expected experts, rows and columns", shown(part),
                printable(tensor.name), shape_text(tensor.shape));
    if (tensor.shape[0] > kMaxExperts)
      bad_input("{}: tensor '{}' holds {} experts, the limit is {}", shown(part),
                printable(tensor.name), tensor.shape[0], kMaxExperts);
    GgufTensor expert = tensor;
    auto count = static_cast<std::uint64_t>(tensor.shape[0]);
    expert.shape.erase(expert.shape.begin());
    expert.nbytes = tensor.nbytes / count;  // whole rows each
    std::size_t hash = name.hf.find('#');
    for (std::uint64_t e = 0; e < count; e++) {
      GgufName own = name;
      own.hf.replace(hash, 1, std::to_string(e));
      add_view(part, file, expert, own, e * expert.nbytes);
    }
  }

  void add_view(const Part& part, std::size_t file, const GgufTensor& tensor, const GgufName& name,
                std::uint64_t skip) {
    SourceTensor source{.name = name.hf,
                        .shape = tensor.shape,
                        .file = file,
                        .offset = tensor.offset + skip,
                        .nbytes = tensor.nbytes};
    GgufView view{.file = part.file,
                  .offset = source.offset,
                  .type = tensor.type,
                  .rows = row_count(tensor.shape),
                  .cols = col_count(tensor.shape)};
    auto refuse = [&](std::string_view why) {
      bad_input("{}: tensor '{}' has shape {} and type {}, {}", shown(part), printable(tensor.name),
                shape_text(tensor.shape), tensor.type->name, why);
    };
    bool one_dim = tensor.shape.size() == 1;
    switch (name.undo) {
      case GgufUndo::kQueryRows:
      case GgufUndo::kKeyRows:
      case GgufUndo::kNeoxRows: {
        std::int64_t heads = head_count(part, name.undo == GgufUndo::kKeyRows);
        bool neox = name.undo == GgufUndo::kNeoxRows;
        if (view.rows % (heads * (neox ? 3 : 2)) != 0 || (one_dim && !tensor.type->plain))
          refuse(fmt::format("which does not fit {} heads", heads));
        view.row_map = neox ? neox_rows(view.rows, heads) : unpaired_rows(view.rows, heads);
        break;
      }
      case GgufUndo::kMinusOne:
        if (tensor.type->plain && !is_float(*tensor.type->plain)) refuse("expected floats");
        view.minus_one = true;
        break;
      case GgufUndo::kTurned:
        if (tensor.shape.size() != 2) refuse("expected two dimensions");
        view.turned = true;
        std::swap(source.shape[0], source.shape[1]);
        break;
      case GgufUndo::kOneRow:
        if (one_dim) source.shape.insert(source.shape.begin(), 1);
        break;
      case GgufUndo::kNothing:
      case GgufUndo::kExperts:
      case GgufUndo::kDerived:
        break;
    }
    source.dtype = decoded_dtype(view);
    bool plain = tensor.type->plain && !view.row_map && !view.minus_one && !view.turned;
    if (!plain) source.reader = make_gguf_reader(std::move(view));
    checkpoint_.tensors.push_back(std::move(source));
    checkpoint_.was_quantized = checkpoint_.was_quantized || !tensor.type->plain;
  }

  std::int64_t head_count(const Part& part, bool of_keys) const {
    const std::string key = architecture_name_ + ".attention.head_count";
    auto heads = first_.header.integer(key);
    auto of_kv = first_.header.integer(key + "_kv");
    if (of_keys && of_kv) heads = of_kv;
    if (!heads || *heads == 0 || *heads > 65536)
      bad_input("{}: {}{} is missing or not a number of heads", shown(part), printable(key),
                of_keys ? "_kv" : "");
    return static_cast<std::int64_t>(*heads);
  }

  const Part& first_;
  Checkpoint& checkpoint_;
  std::string architecture_name_;
  const GgufArchitecture* architecture_ = nullptr;
  std::set<std::string, std::less<>> seen_;
  std::vector<std::string> derived_;
};

// Two names of GGUF may be one of Hugging Face ("blk.1.x" and "blk.01.x").
void check_unique(const Part& first, const Checkpoint& checkpoint) {
  std::set<std::string_view> names;
  for (const SourceTensor& t : checkpoint.tensors)
    if (!names.insert(t.name).second)
      bad_input("{}: two tensors are '{}' of the checkpoint", shown(first), printable(t.name));
}

}  // namespace

std::string gguf_model_name(const std::string& file) {
  auto split = split_name(file);
  return split ? split->base : file;
}

std::vector<GgufPart> read_gguf_parts(const SourceFolder& folder, const std::string& name) {
  std::optional<SplitName> split = split_name(name);
  std::vector<Part> parts;
  if (!split) {
    parts.push_back(read_part(folder, name));
    if (parts[0].header.integer("split.count").value_or(1) > 1)
      bad_input("{}: one of {} parts, expected a name like x-00001-of-00003.gguf", shown(parts[0]),
                *parts[0].header.integer("split.count"));
    return parts;
  }
  std::vector<std::string> names, missing;
  for (std::uint64_t i = 1; i <= split->parts; i++) {
    names.push_back(fmt::format("{}-{:05}-of-{:05}.gguf", split->base, i, split->parts));
    if (!folder.holds(names.back())) missing.push_back(names.back());
  }
  if (!missing.empty() || names.empty())
    bad_input("{}/{}: parts are missing: {}", printable(folder.path(), 1024), printable(name),
              printable_list(missing));
  std::uint64_t tensors = 0;
  for (const std::string& part : names) {
    parts.push_back(read_part(folder, part));
    expect_key(parts.back(), "split.no", parts.size() - 1);
    expect_key(parts.back(), "split.count", split->parts);
    tensors += parts.back().header.tensors.size();
  }
  for (const Part& part : parts)
    expect_key(part, "split.tensors.count", tensors);
  return parts;
}

Checkpoint open_gguf(const SourceFolder& folder, const std::string& name) {
  std::vector<Part> parts = read_gguf_parts(folder, name);
  Checkpoint checkpoint;
  checkpoint.folder = folder.path();
  Mapper mapper(parts[0], checkpoint);
  for (std::size_t i = 0; i < parts.size(); i++) {
    const Part& part = parts[i];
    SourceFile file{.name = part.name, .file = part.file};
    for (const GgufTensor& t : part.header.tensors)
      file.elements += static_cast<std::uint64_t>(t.elements());
    if (part.header.trailing)
      checkpoint.warnings.push_back(fmt::format("{}: {} bytes after the last tensor are not read",
                                                shown(part), part.header.trailing));
    checkpoint.files.push_back(std::move(file));
    mapper.add(part, i);
  }
  mapper.finish();
  check_unique(parts[0], checkpoint);
  checkpoint.build_lookup();
  return checkpoint;
}

}  // namespace mlc
