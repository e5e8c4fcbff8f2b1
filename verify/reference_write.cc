#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/tensor_cache.h"
#include "verify/files_hash.h"
#include "verify/reference.h"
#include "verify/reference_run.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTop = 8;
constexpr std::uint64_t kTokens = 96;  // of all prompts, about
// Multiplications that the plain reference is given, some seconds. Beyond that the vector kernels
// compute, which the level kernels holds against it.
constexpr double kPlainWork = 3e8;

// What a runtime reads of the folder, so what the reference is of.
std::vector<FileHash> model_files(const std::string& folder) {
  std::set<std::string> names = {"mlc-chat-config.json",
                                 "tensor-cache.json",
                                 "ndarray-cache.json",
                                 "tokenizer.json",
                                 "tokenizer.model",
                                 "tokenizer_config.json",
                                 "vocab.json",
                                 "merges.txt",
                                 "added_tokens.json",
                                 "tokenizer_model",
                                 "special_tokens_map.json"};
  std::string index = folder + "/tensor-cache.json";
  if (!fs::exists(index)) index = folder + "/ndarray-cache.json";
  for (const Shard& shard : read_tensor_cache(index).shards)
    names.insert(shard.data_path);
  std::vector<FileHash> files;
  for (const std::string& name : names) {
    std::string path = fmt::format("{}/{}", folder, name);
    if (fs::is_regular_file(path))
      files.push_back({.path = path, .size = file_size(path), .wants_sha256 = true});
  }
  return files;
}

void hash_model(const VerifyOptions& options, Reference& reference, Reporter& reporter) {
  std::vector<FileHash> files = model_files(options.model);
  std::uint64_t bytes = 0;
  for (const FileHash& file : files)
    bytes += file.size;
  reporter.begin("hashing the model", bytes);
  hash_files(files, options.threads, reporter);
  for (const FileHash& file : files) {
    if (!file.error.empty()) fail(ExitCode::kIo, "{}", file.error);
    reference.files.push_back({file.path.substr(options.model.size() + 1), file.size, file.sha256});
  }
}

ReferencePosition position_of(std::uint32_t position, std::span<const float> logits) {
  for (float logit : logits)
    if (!std::isfinite(logit))
      fail(ExitCode::kVerify, "the model's logits are not finite: no reference was written");
  std::vector<std::uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  auto count = static_cast<std::ptrdiff_t>(std::min(kTop, order.size()));
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](std::uint32_t a, std::uint32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                    });
  auto [least, greatest] = std::minmax_element(logits.begin(), logits.end());
  ReferencePosition result{.position = position, .least = *least, .greatest = *greatest};
  for (std::ptrdiff_t i = 0; i < count; i++)
    result.top.push_back(
        {order[static_cast<std::size_t>(i)], logits[order[static_cast<std::size_t>(i)]]});
  return result;
}

void run_model(Engine& engine, const VerifyOptions& options, Reference& reference,
               Reporter& reporter) {
  const ModelInfo& info = engine.info();
  reference.model_type = info.model_type;
  reference.quantization = info.quantization;
  reference.layers = info.layers;
  reference.hidden = info.hidden;
  reference.vocab = info.vocab;
  std::vector<std::vector<std::uint32_t>> prompts =
      reference_prompts(options.model, info.vocab, info.context);
  for (std::vector<std::uint32_t>& tokens : prompts) {
    throw_if_cancelled();
    std::vector<std::uint32_t> positions = reference_positions(tokens.size());
    std::span<const float> logits = run_prompt(engine, tokens, positions);
    ReferencePrompt prompt{.tokens = tokens, .positions = {}};
    for (std::size_t i = 0; i < positions.size(); i++)
      prompt.positions.push_back(
          position_of(positions[i], logits.subspan(i * info.vocab, info.vocab)));
    reference.prompts.push_back(std::move(prompt));
    reporter.advance(tokens.size() * info.weight_bytes);
  }
  std::vector<TracedPart> parts = trace_parts(engine, prompts.front());
  for (std::size_t i = 0; i < parts.size(); i++) {
    if (!parts[i].sum.finite())
      fail(ExitCode::kVerify, "{}: its values are not finite: no reference was written",
           parts[i].label);
    reference.parts.push_back({.label = parts[i].label,
                               .sum = parts[i].sum,
                               .tolerance = part_tolerance(info.hidden, i)});
  }
}

}  // namespace

void write_model_reference(const VerifyOptions& options, const VerifyReport& report,
                           Reporter& reporter) {
  if (report.findings.count(Severity::kError) > 0)
    fail(ExitCode::kVerify, "{}: the model is not right: no reference was written",
         printable(options.model));
  Reference reference;
  reference.version = report.version;
  DeviceArguments device;
  device.device.threads = options.device.device.threads;
  LoadedModel model = load_model(options.model);
  for (const char* name : {"cpu-reference", "cpu"}) {
    device.device.device = reference.device = name;
    std::unique_ptr<Device> cpu = open_device(device);
    std::unique_ptr<Engine> engine = Engine::open(*cpu, model, reference_options(), reporter);
    bool plain = reference.device == "cpu-reference";
    if (plain && static_cast<double>(engine->info().params) * kTokens > kPlainWork) continue;
    reporter.begin("reference", kTokens * engine->info().weight_bytes);
    run_model(*engine, options, reference, reporter);
    break;
  }
  hash_model(options, reference, reporter);
  reporter.end();
  std::string text = write_reference(reference);
  std::string path = options.model + "/" + std::string(kReferenceName);
  parse_reference(text, path);  // what nobody could read would be worse than no file
  write_file_atomically(path, text);
}

}  // namespace mlc
