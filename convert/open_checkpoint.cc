// Which files a source consists of, and which reader they need.
#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "base/error.h"
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
    OtherFormat{".ggml", "GGML"},     OtherFormat{".npz", "numpy"},    OtherFormat{".npy", "numpy"},
    OtherFormat{".h5", "TensorFlow"}, OtherFormat{".msgpack", "Flax"}, OtherFormat{".onnx", "ONNX"},
    OtherFormat{".nemo", "NeMo"},
};

constexpr std::string_view kAuto = "auto";
constexpr std::string_view kTorchFormat = "huggingface-torch";
constexpr std::array kFormats = {
    SourceFormat{kAuto, "what is named, or the first of the next three that a folder has",
                 "any of these"},
    SourceFormat{"huggingface-safetensor",
                 "*.safetensors, one or several, with or without *.safetensors.index.json",
                 "safetensors, also packed (GPTQ, AWQ, compressed-tensors, fp8, MXFP4)"},
    SourceFormat{kTorchFormat,
                 "pytorch_model*.bin with or without *.bin.index.json; *.bin, *.pt, *.pth, *.ckpt",
                 "state dicts of torch 1.6 or later, of which nothing is run"},
    SourceFormat{kGgufFormat, "*.gguf, single or split", "GGUF 2 and 3, little-endian"},
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
       "{}: {}, but this version reads safetensors, PyTorch and GGUF files; save the model again "
       "with "
       "save_pretrained(safe_serialization=True)",
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

// Names of the files in a folder, sorted. A dangling link counts: opening it tells why.
std::vector<std::string> list(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (!it->is_directory(ignored)) names.push_back(it->path().filename().string());
  }
  if (error) io_error(folder.string(), "list", error.value());
  std::sort(names.begin(), names.end());
  return names;
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

// The one GGUF model of a folder, whatever number of parts it has.
Checkpoint open_gguf_folder(const std::string& folder, const std::vector<std::string>& files) {
  std::vector<std::string> models;
  for (const std::string& file : files)
    if (models.empty() || models.back() != gguf_model_name(file))
      models.push_back(gguf_model_name(file));
  if (models.empty()) bad_input("{}: no *{} file", printable(folder, 1024), kGguf);
  if (models.size() > 1)
    bad_input("{}: several GGUF models ({}); name a file of one as the source",
              printable(folder, 1024), printable_list(models));
  return open_gguf(folder, files[0]);
}

std::vector<SourceTensor> torch_tensors(const std::shared_ptr<InputFile>& file,
                                        std::vector<std::string>&) {
  return read_torch(file);
}

Checkpoint open_torch(const std::string& folder, const std::vector<std::string>& names) {
  return open_files(folder, names, torch_tensors);
}

// The PyTorch weights of a folder, if it has any.
std::optional<Checkpoint> open_torch_folder(const std::string& folder,
                                            const std::vector<std::string>& names) {
  std::vector<std::string> indices = ending_in(names, kTorchIndex);
  const std::string index = std::string(kTorchModel) + std::string(kTorchIndex);
  const std::string single = std::string(kTorchModel) + ".bin";
  if (holds(indices, index)) return open_indexed(folder, index, torch_tensors);
  if (holds(names, single)) return open_torch(folder, {single});
  if (indices.size() == 1) return open_indexed(folder, indices[0], torch_tensors);
  if (indices.size() > 1)
    bad_input("{}: several index files ({}); name one of them as the source",
              printable(folder, 1024), printable_list(indices));
  std::vector<std::string> files = ending_in(names, ".bin");
  std::erase_if(files, [](const std::string& n) { return !n.starts_with(kTorchModel); });
  if (files.empty()) return std::nullopt;
  return open_torch(folder, files);
}

// The safetensors of a folder, if it has any.
std::optional<Checkpoint> open_safetensors_folder(const std::string& folder,
                                                  const std::vector<std::string>& names) {
  std::vector<std::string> files = ending_in(names, kSafetensors);
  std::vector<std::string> indices = ending_in(names, kIndex);
  const std::string index = std::string("model") + std::string(kIndex);
  const std::string single = std::string("model") + std::string(kSafetensors);

  if (holds(indices, index)) return open_indexed(folder, index);
  if (holds(files, single)) {
    Checkpoint checkpoint = open_files(folder, {single});
    std::erase(files, single);
    if (!files.empty())
      checkpoint.warnings.push_back(fmt::format(
          "{}: only {} is read, not {}", printable(folder, 1024), single, printable_list(files)));
    return checkpoint;
  }
  if (indices.size() == 1) return open_indexed(folder, indices[0]);
  if (indices.size() > 1)
    bad_input("{}: several index files ({}); name one of them as the source",
              printable(folder, 1024), printable_list(indices));
  if (files.empty()) return std::nullopt;
  return open_files(folder, files);
}

Checkpoint open_folder(const std::string& folder, std::string_view format) {
  std::vector<std::string> names = list(folder);
  std::vector<std::string> ggufs = ending_in(names, kGguf);
  if (format == kGgufFormat) return open_gguf_folder(folder, ggufs);
  bool torch = format == kTorchFormat;
  if (!torch)
    if (std::optional<Checkpoint> found = open_safetensors_folder(folder, names))
      return std::move(*found);
  if (torch || format == kAuto)
    if (std::optional<Checkpoint> found = open_torch_folder(folder, names))
      return std::move(*found);
  if (!ggufs.empty() && format == kAuto) return open_gguf_folder(folder, ggufs);
  for (const std::string& name : names)
    if (const OtherFormat* other = other_format(name))
      unsupported(folder, fmt::format("found {} ({})", printable(name), other->name));
  bad_input("{}: no weights of source format {}; looked for *{}, *{}, {}*.bin and *{}",
            printable(folder, 1024), format, kSafetensors, kIndex, kTorchModel, kTorchIndex);
}

// mlc_llm prefers PyTorch files where both formats lie side by side; their order may differ.
void warn_of_pytorch(Checkpoint& checkpoint) {
  for (const std::string& name : list(checkpoint.folder)) {
    if (name != "pytorch_model.bin" && name != "pytorch_model.bin.index.json") continue;
    checkpoint.warnings.push_back(
        fmt::format("{}: {} is not read, the safetensors beside it are (mlc_llm would read it, and "
                    "its order of params may differ)",
                    printable(checkpoint.folder, 1024), name));
  }
}

}  // namespace

std::span<const SourceFormat> source_formats() { return kFormats; }

Checkpoint open_checkpoint(const std::string& source, std::string_view format) {
  check_format(format);
  std::error_code error;
  fs::file_status status = fs::status(source, error);
  if (status.type() == fs::file_type::not_found)
    fail(ExitCode::kUsage, "source '{}' does not exist", printable(source, 1024));
  if (error) io_error(source, "open", error.value());
  if (fs::is_directory(status)) {
    Checkpoint checkpoint = open_folder(source, format);
    if (checkpoint.files[0].name.ends_with(kSafetensors)) warn_of_pytorch(checkpoint);
    return checkpoint;
  }

  fs::path path(source);
  std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  std::string name = path.filename().string();
  if (name.ends_with(kGguf)) return open_gguf(folder, name);
  if (name.ends_with(kSafetensors)) return open_files(folder, {name});
  if (name.ends_with(kTorchIndex)) return open_indexed(folder, name, torch_tensors);
  if (std::any_of(kTorchFiles.begin(), kTorchFiles.end(),
                  [&](std::string_view suffix) { return name.ends_with(suffix); }))
    return open_torch(folder, {name});
  if (const OtherFormat* other = other_format(name))
    unsupported(source, fmt::format("is {}", other->name));
  if (name.ends_with(".json")) return open_indexed(folder, name);
  bad_input("{}: expected a folder, a *{} or PyTorch file, or the index of several",
            printable(source, 1024), kSafetensors);
}

}  // namespace mlc
