#include "convert/open_checkpoint.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "convert/npz.h"
#include "convert/open_gguf.h"
#include "convert/safetensors_index.h"
#include "convert/source.h"
#include "convert/torch_checkpoint.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSafetensors = ".safetensors";
constexpr std::string_view kGguf = ".gguf";
constexpr std::string_view kGgufFormat = "gguf";
constexpr std::string_view kNpz = ".npz";
constexpr std::string_view kNpzFormat = "npz";
constexpr std::string_view kIndex = ".safetensors.index.json";
constexpr std::string_view kTorchIndex = ".bin.index.json";
constexpr std::string_view kTorchModel = "pytorch_model";
// What torch.save is given as a name; in a folder only pytorch_model*.bin are weights (not
// training_args.bin, optimizer.pt).
constexpr std::array<std::string_view, 4> kTorchFiles = {".bin", ".pt", ".pth", ".ckpt"};

// Weight files of other ecosystems, by the end of their names.
struct OtherFormat {
  std::string_view suffix;
  std::string_view name;
};
constexpr std::array kOtherFormats = {
    OtherFormat{".ggml", "GGML"},    OtherFormat{".npy", "numpy"}, OtherFormat{".h5", "TensorFlow"},
    OtherFormat{".msgpack", "Flax"}, OtherFormat{".onnx", "ONNX"}, OtherFormat{".nemo", "NeMo"},
};

constexpr std::string_view kAuto = "auto";
constexpr std::string_view kTorchFormat = "huggingface-torch";
constexpr std::array kFormats = {
    SourceFormat{kAuto, "what is named, or the first of the next four that a folder has",
                 "any of these"},
    SourceFormat{"huggingface-safetensor",
                 "*.safetensors, one or several, with or without *.safetensors.index.json",
                 "safetensors, also packed (GPTQ, AWQ, compressed-tensors, fp8, MXFP4)"},
    SourceFormat{kTorchFormat,
                 "pytorch_model*.bin with or without *.bin.index.json; *.bin, *.pt, *.pth, *.ckpt",
                 "state dicts of torch 1.6 or later, of which nothing is run"},
    SourceFormat{kGgufFormat, "*.gguf, single or split", "GGUF 2 and 3, little-endian"},
    SourceFormat{kNpzFormat, "*.npz, one or several", "stored arrays of numpy.savez or MLX"},
    // Safetensors, which convert/packed.h decodes.
    SourceFormat{"awq", "as huggingface-safetensor", "4-bit integers of AutoAWQ (GEMM)"},
    SourceFormat{"gptq", "as huggingface-safetensor", "integers of GPTQ and AutoRound"},
};

const OtherFormat* other_format(std::string_view file) {
  auto row = std::find_if(kOtherFormats.begin(), kOtherFormats.end(),
                          [&](const OtherFormat& f) { return file.ends_with(f.suffix); });
  return row == kOtherFormats.end() ? nullptr : &*row;
}

[[noreturn]] void unsupported(const std::string& path, std::string_view what) {
  fail(ExitCode::kUnsupported,
       "{}: {}, but this version reads safetensors, PyTorch, GGUF and npz files; save the model "
       "again with save_pretrained(safe_serialization=True)",
       printable(path, 1024), what);
}

void check_format(std::string_view format) {
  auto row = std::find_if(kFormats.begin(), kFormats.end(),
                          [&](const SourceFormat& f) { return f.name == format; });
  if (row == kFormats.end()) {
    std::string known;
    for (const SourceFormat& f : kFormats)
      known += fmt::format("{}{}", known.empty() ? "" : ", ", f.name);
    fail(ExitCode::kUsage, "unknown source format '{}', expected one of {}", printable(format),
         known);
  }
}

std::vector<std::string> ending_in(const std::vector<std::string>& names, std::string_view suffix) {
  std::vector<std::string> result;
  std::copy_if(names.begin(), names.end(), std::back_inserter(result),
               [&](const std::string& name) { return name.ends_with(suffix); });
  return result;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::binary_search(names.begin(), names.end(), name);
}

using Folder = std::shared_ptr<const SourceFolder>;

FoundSource whole_files(SourceKind kind, const Folder& folder, std::vector<std::string> files) {
  return {.kind = kind, .folder = folder, .files = std::move(files), .index = {}, .warnings = {}};
}
FoundSource indexed(SourceKind kind, const Folder& folder, const std::string& index) {
  return {.kind = kind, .folder = folder, .files = {}, .index = index, .warnings = {}};
}

// The one GGUF model of a folder, whatever number of parts it has.
std::optional<FoundSource> find_gguf(const Folder& folder, const std::vector<std::string>& names) {
  std::vector<std::string> files = ending_in(names, kGguf);
  std::vector<std::string> models;
  for (const std::string& file : files)
    if (models.empty() || models.back() != gguf_model_name(file))
      models.push_back(gguf_model_name(file));
  if (models.empty()) return std::nullopt;
  if (models.size() > 1)
    bad_input("{}: several GGUF models ({}); name a file of one as the source",
              printable(folder->path(), 1024), printable_list(models));
  return whole_files(SourceKind::kGguf, folder, {files[0]});
}

std::optional<FoundSource> find_npz(const Folder& folder, const std::vector<std::string>& names) {
  std::vector<std::string> files = ending_in(names, kNpz);
  if (files.empty()) return std::nullopt;
  return whole_files(SourceKind::kNpz, folder, std::move(files));
}

[[noreturn]] void refuse_several(const Folder& folder, const std::vector<std::string>& indices) {
  bad_input("{}: several index files ({}); name one of them as the source",
            printable(folder->path(), 1024), printable_list(indices));
}

// The PyTorch weights of a folder, if it has any.
std::optional<FoundSource> find_torch(const Folder& folder, const std::vector<std::string>& names) {
  std::vector<std::string> indices = ending_in(names, kTorchIndex);
  const std::string index = std::string(kTorchModel) + std::string(kTorchIndex);
  const std::string single = std::string(kTorchModel) + ".bin";
  if (holds(indices, index)) return indexed(SourceKind::kTorch, folder, index);
  if (holds(names, single)) return whole_files(SourceKind::kTorch, folder, {single});
  if (indices.size() == 1) return indexed(SourceKind::kTorch, folder, indices[0]);
  if (indices.size() > 1) refuse_several(folder, indices);
  std::vector<std::string> files = ending_in(names, ".bin");
  std::erase_if(files, [](const std::string& n) { return !n.starts_with(kTorchModel); });
  if (files.empty()) return std::nullopt;
  return whole_files(SourceKind::kTorch, folder, std::move(files));
}

// The safetensors of a folder, if it has any.
std::optional<FoundSource> find_safetensors(const Folder& folder,
                                            const std::vector<std::string>& names) {
  std::vector<std::string> files = ending_in(names, kSafetensors);
  std::vector<std::string> indices = ending_in(names, kIndex);
  const std::string index = std::string("model") + std::string(kIndex);
  const std::string single = std::string("model") + std::string(kSafetensors);

  if (holds(indices, index)) return indexed(SourceKind::kSafetensors, folder, index);
  if (holds(files, single)) {
    FoundSource found = whole_files(SourceKind::kSafetensors, folder, {single});
    std::erase(files, single);
    if (!files.empty())
      found.warnings.push_back(fmt::format("{}: only {} is read, not {}",
                                           printable(folder->path(), 1024), single,
                                           printable_list(files)));
    return found;
  }
  if (indices.size() == 1) return indexed(SourceKind::kSafetensors, folder, indices[0]);
  if (indices.size() > 1) refuse_several(folder, indices);
  if (files.empty()) return std::nullopt;
  return whole_files(SourceKind::kSafetensors, folder, std::move(files));
}

// mlc_llm prefers PyTorch files where both formats lie side by side; their order may differ.
void warn_of_pytorch(FoundSource& found, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name != "pytorch_model.bin" && name != "pytorch_model.bin.index.json") continue;
    found.warnings.push_back(
        fmt::format("{}: {} is not read, the safetensors beside it are (mlc_llm would read it, and "
                    "its order of params may differ)",
                    printable(found.folder->path(), 1024), name));
  }
}

std::optional<FoundSource> find_any(const Folder& folder, const std::vector<std::string>& names,
                                    std::string_view format) {
  if (format == kGgufFormat) return find_gguf(folder, names);
  if (format == kNpzFormat) return find_npz(folder, names);
  bool torch = format == kTorchFormat;
  if (!torch)
    if (std::optional<FoundSource> found = find_safetensors(folder, names)) {
      warn_of_pytorch(*found, names);
      return found;
    }
  if (torch || format == kAuto)
    if (std::optional<FoundSource> found = find_torch(folder, names)) return found;
  if (format != kAuto) return std::nullopt;
  if (std::optional<FoundSource> found = find_gguf(folder, names)) return found;
  return find_npz(folder, names);
}

std::vector<SourceTensor> torch_tensors(const std::shared_ptr<InputFile>& file,
                                        std::vector<std::string>&) {
  return read_torch(file);
}

std::vector<SourceTensor> npz_tensors(const std::shared_ptr<InputFile>& file,
                                      std::vector<std::string>&) {
  return read_npz(file);
}

}  // namespace

std::string_view name_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::kSafetensors:
      return "safetensors";
    case SourceKind::kTorch:
      return "torch";
    case SourceKind::kGguf:
      return "gguf";
    case SourceKind::kNpz:
      return "npz";
  }
  return {};
}

std::optional<FoundSource> find_weights(const std::shared_ptr<const SourceFolder>& folder,
                                        std::string_view format) {
  std::vector<std::string> names = folder->list();
  return find_any(folder, names, format);
}

FoundSource find_source(const std::shared_ptr<const SourceFolder>& folder,
                        std::string_view format) {
  std::vector<std::string> names = folder->list();
  if (std::optional<FoundSource> found = find_any(folder, names, format)) return std::move(*found);
  if (format == kGgufFormat) bad_input("{}: no *{} file", printable(folder->path(), 1024), kGguf);
  if (format == kNpzFormat) bad_input("{}: no *{} file", printable(folder->path(), 1024), kNpz);
  for (const std::string& name : names)
    if (const OtherFormat* other = other_format(name))
      unsupported(folder->path(), fmt::format("found {} ({})", printable(name), other->name));
  bad_input("{}: no weights of source format {}; looked for *{}, *{}, {}*.bin and *{}",
            printable(folder->path(), 1024), format, kSafetensors, kIndex, kTorchModel,
            kTorchIndex);
}

FoundSource source_of_file(const std::shared_ptr<const SourceFolder>& folder,
                           const std::string& name) {
  if (name.ends_with(kGguf)) return whole_files(SourceKind::kGguf, folder, {name});
  if (name.ends_with(kNpz)) return whole_files(SourceKind::kNpz, folder, {name});
  if (name.ends_with(kSafetensors)) return whole_files(SourceKind::kSafetensors, folder, {name});
  if (name.ends_with(kTorchIndex)) return indexed(SourceKind::kTorch, folder, name);
  if (std::any_of(kTorchFiles.begin(), kTorchFiles.end(),
                  [&](std::string_view suffix) { return name.ends_with(suffix); }))
    return whole_files(SourceKind::kTorch, folder, {name});
  if (const OtherFormat* other = other_format(name))
    unsupported(folder->path_of(name), fmt::format("is {}", other->name));
  if (name.ends_with(".json")) return indexed(SourceKind::kSafetensors, folder, name);
  bad_input("{}: expected a folder, a *{} or PyTorch file, or the index of several",
            printable(folder->path_of(name), 1024), kSafetensors);
}

Checkpoint open_found(const FoundSource& found) {
  Checkpoint checkpoint;
  if (found.kind == SourceKind::kGguf) {
    checkpoint = open_gguf(*found.folder, found.files[0]);
  } else {
    ReadTensors read = found.kind == SourceKind::kTorch ? torch_tensors
                       : found.kind == SourceKind::kNpz ? npz_tensors
                                                        : safetensors_tensors;
    checkpoint = found.index.empty() ? open_files(*found.folder, found.files, read)
                                     : open_indexed(*found.folder, found.index, read);
  }
  checkpoint.warnings.insert(checkpoint.warnings.end(), found.warnings.begin(),
                             found.warnings.end());
  return checkpoint;
}

std::span<const SourceFormat> source_formats() { return kFormats; }

Checkpoint open_checkpoint(const std::string& source, std::string_view format) {
  check_format(format);
  std::error_code error;
  fs::file_status status = fs::status(source, error);
  if (status.type() == fs::file_type::not_found)
    fail(ExitCode::kUsage, "source '{}' does not exist", printable(source, 1024));
  if (error) io_error(source, "open", error.value());
  if (fs::is_directory(status)) return open_found(find_source(local_folder(source), format));
  fs::path path(source);
  std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  return open_found(source_of_file(local_folder(folder), path.filename().string()));
}

}  // namespace mlc
