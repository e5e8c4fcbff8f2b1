// A small random checkpoint of every model type, made from its table, converted from end to end;
// every param is computed again by an independent path (tests/unit/plain_path.h).
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <regex>
#include <set>

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "convert/convert.h"
#include "convert/kept_params.h"
#include "models/models.h"
#include "models/registry.h"
#include "tests/unit/plain_path.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/source_shapes.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const fs::path kConfigs = fs::path(MLC_TEST_DATA) / "data" / "configs";

// A config, and what makes it differ from the file of that name.
struct Case {
  std::string file;
  std::string changes = "{}";  // members laid over the config, one object deep
  bool lacks_head = false;     // the checkpoint holds no head of its own
  bool whole_scales = false;   // 8-bit floats have one scale for a tensor, as Ministral's
};

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const auto& entry : fs::directory_iterator(kConfigs))
    if (entry.path().extension() == ".json" && !entry.path().stem().has_extension())
      list.push_back({entry.path().stem().string()});
  std::sort(list.begin(), list.end(), [](const Case& a, const Case& b) { return a.file < b.file; });
  // Where mlc_llm fails or drops tensors (docs/errata.md).
  const std::vector<Case> errata = {
      {"llama", R"({"attention_bias": true, "mlp_bias": true})"},
      {"llama4", R"({"text_config": {"interleave_moe_layer_step": 2, "attention_bias": true,
                                     "intermediate_size_mlp": 96}})"},
      {"mistral", R"({"tie_word_embeddings": true})", true},
      {"qwen2_moe", R"({"tie_word_embeddings": true})", true},
      {"gpt_bigcode", "{}", true},
      {"starcoder2", R"({"tie_word_embeddings": false})"},
      {"deepseek", R"({"attention_bias": true, "n_shared_experts": null})"},
      {"qwen3_5", R"({"text_config": {"attention_bias": true}})"},
      {"internlm2", R"({"bias": true})"},
      {"chatglm", R"({"post_layer_norm": false})"},
      {"olmo2-tied", R"({"attention_bias": true})"},
      {"ministral3-fp8", "{}", false, true},
  };
  list.insert(list.end(), errata.begin(), errata.end());
  return list;
}

Json merged(Json base, const Json& changes) {
  for (const Json::Member& member : changes.members("changes")) {
    const Json* old = base.find(member.first);
    bool deeper = old != nullptr && old->is_object() && member.second.is_object();
    Json value = deeper ? merged(*old, member.second) : member.second;
    base.set(member.first, value);
  }
  return base;
}

// Schemes that have no form for a model type, and what the message says; of types that mlc_llm
// lacks, only the message counts.
struct Refusal {
  const char* schemes;  // regular expressions for the whole
  const char* types;
  const char* message;
};
const Refusal kRefusals[] = {
    {".*_0", "mixtral|minicpm|qwen[23]_moe|deepseek|deepseek_v[23]", "experts have no layout in"},
    // Of these, layers of the small configs alone.
    {"q4f16_ft", "deepseek_v2|llama4", "needs layers with a multiple of 64 inputs"},
    {"q4f16_autoawq", "mixtral|minicpm|qwen3_moe|deepseek", "has no form for it (experts)"},
    {"q4f16_autoawq", "qwen2_moe|deepseek_v[23]|llama4|llava",
     "multiples of 8 and 128 are needed)"},
    {"q4f16_autoawq", "gpt2|gpt_neox|internlm2|rwkv[56]", "it is more than a join"},
    {"fp8_e4m3fn_bf16_block_scale.*", "gpt2|gpt_neox|internlm2|rwkv[56]",
     "its rows are taken apart"},
};

bool is_listed(const Quantization& q, const Architecture& architecture,
               const std::string& message) {
  for (const Refusal& r : kRefusals)
    if (std::regex_match(std::string(q.name), std::regex(r.schemes)) &&
        message.find(r.message) != std::string::npos &&
        (!architecture.in_mlc_llm ||
         std::regex_match(std::string(architecture.model_type), std::regex(r.types))))
      return true;
  return false;
}

// The quantization_config of a checkpoint whose codes the scheme keeps.
std::string packed_config(const Quantization& q) {
  if (q.kind == QuantKind::kAwq)
    return R"({"head_dim": 32, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128,
                                       "version": "gemm", "zero_point": true}})";
  return R"({"quantization_config": {"quant_method": "fp8", "fmt": "e4m3",
                                     "activation_scheme": "dynamic",
                                     "weight_block_size": [16, 32]}})";
}

bool is_scale(const std::string& name) {
  return name.ends_with("_scale_inv") || name.ends_with(".activation_scale");
}

class AllArchitectures : public testing::Test {
 protected:
  // In memory where that is to be had: thousands of small files are synced.
  void SetUp() override {
    fs::path parent = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path();
    folder_ = parent / ("mlc-all-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // The dtype in which a checkpoint has the sources of a param.
  static DType source_dtype(const ParamSpec& spec, bool kept, unsigned n) {
    const DType dtypes[] = {DType::kBF16, DType::kF16, DType::kF32};
    if (!kept || !spec.dtype) return dtypes[n % 3];
    return *spec.dtype == DType::kU32 ? DType::kI32 : *spec.dtype;  // as AutoAWQ writes them
  }

  // Values around 0 with a few large ones, as weights have them; every dtype occurs. Codes are any
  // bits, and the scales of activations equal where layers are joined. `block_rows`: where joined
  // tensors may be cut.
  PlainTensors make_checkpoint(const std::vector<ParamSpec>& params, unsigned seed, bool kept,
                               std::int64_t block_rows, bool whole_scales) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, 0.1);
    PlainTensors tensors;
    for (const ParamSpec& spec : params) {
      DType dtype = source_dtype(spec, kept, seed++);
      double shared = rounded(0.01 + std::fabs(normal(random)), DType::kF32);
      for (std::size_t i = 0; i < spec.sources.size(); i++) {
        PlainTensor& tensor = tensors[spec.sources[i]];
        if (!tensor.shape.empty()) continue;
        tensor.dtype = dtype;
        tensor.shape = source_shape(spec, i, is_scale(spec.name) ? 1 : block_rows);
        std::int64_t count = 1;
        for (std::int64_t dim : tensor.shape)
          count *= dim;
        double whole = rounded(0.01 + std::fabs(normal(random)), DType::kF32);
        for (std::int64_t k = 0; k < count; k++)
          if (is_code(dtype))
            tensor.values.push_back(
                static_cast<double>(random() >> (size_of(dtype) == 1 ? 24 : 0)));
          else if (spec.op == Op::kShared)
            tensor.values.push_back(shared);
          else if (whole_scales && is_scale(spec.name))
            tensor.values.push_back(whole);
          else
            tensor.values.push_back(rounded(normal(random), dtype));
      }
    }
    return tensors;
  }

  // As a checkpoint with one scale for a tensor has them.
  static PlainTensors with_whole_scales(PlainTensors tensors) {
    for (auto& [name, tensor] : tensors)
      if (is_scale(name)) {
        tensor.shape.clear();
        tensor.values.resize(1);
      }
    return tensors;
  }

  // Converts and compares every record; the number of params.
  int expect_plain(const Quantization& q, const std::vector<ParamSpec>& specs,
                   const std::map<std::string, std::vector<double>>& elements) {
    std::map<std::string, std::string> records = convert(q.name);
    for (const ParamSpec& spec : specs)
      for (const auto& [name, bytes] : plain_param(spec, elements.at(spec.name), q)) {
        EXPECT_EQ(records.count(name), 1u) << name;
        EXPECT_TRUE(records[name] == bytes) << name;
        records.erase(name);
      }
    EXPECT_TRUE(records.empty()) << records.begin()->first;
    return static_cast<int>(specs.size());
  }

  static std::map<std::string, std::vector<double>> all_elements(
      const std::vector<ParamSpec>& specs, const PlainTensors& tensors) {
    std::map<std::string, std::vector<double>> elements;
    for (const ParamSpec& spec : specs) {
      std::vector<const PlainTensor*> sources;
      for (const std::string& name : spec.sources)
        sources.push_back(&tensors.at(name));
      elements[spec.name] = plain_elements(spec, sources);
    }
    return elements;
  }

  ModelConfig write_config(const Case& one, const std::string& more) {
    Json source = read_json_file((kConfigs / (one.file + ".json")).string());
    source = merged(source, parse_json(one.changes, "changes"));
    Json additions = parse_json(more, "packed");
    for (const Json::Member& member : additions.members("packed"))
      if (member.first == "head_dim" ? source.find("head_dim") != nullptr
                                     : source.find(member.first) == nullptr)
        source.set(member.first, member.second);
    std::ofstream(folder_ / "config.json") << dump_json(source);
    type_ = find_architecture(one.file) != nullptr ? one.file : "auto";
    return load_model_config(folder_.string(), type_);
  }

  void write_checkpoint(const PlainTensors& tensors) {
    write_safetensors((folder_ / "model.safetensors").string(), tensors);
  }

  ConvertOptions options_for(std::string_view quantization) const {
    ConvertOptions options;
    options.config = folder_.string();
    options.model_type = type_;
    options.quantization = quantization;
    options.output = (folder_ / "out").string();
    options.overwrite = true;
    options.threads = 1;
    return options;
  }

  // Name of each record, and its bytes in the shards.
  std::map<std::string, std::string> convert(std::string_view quantization) {
    ConvertOptions options = options_for(quantization);
    SilentReporter reporter;
    run_conversion(options, prepare_conversion(options, reporter), reporter);
    std::map<std::string, std::string> records;
    Json index = read_json_file((folder_ / "out" / "tensor-cache.json").string());
    for (const Json& shard : index.find("records")->items("records")) {
      fs::path path = folder_ / "out" / shard.find("dataPath")->as_string("dataPath");
      std::string bytes = read_file(path.string(), std::size_t{1} << 28);
      for (const Json& record : shard.find("records")->items("records"))
        records[record.find("name")->as_string("name")] =
            bytes.substr(record.find("byteOffset")->as_size("byteOffset"),
                         record.find("nbytes")->as_size("nbytes"));
    }
    return records;
  }

  fs::path folder_;
  std::string type_;  // --model-type of the config that was written last
};

TEST_F(AllArchitectures, ConvertToWhatThePlainPathGives) {
  std::set<std::string_view> types;
  std::set<Op> ops;
  std::map<std::string_view, int> of_scheme;
  std::map<std::string, int> refused;
  int params = 0;
  unsigned seed = 1;
  unsigned turn = 0;
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.file + " " + one.changes);
    PlainTensors tensors;
    std::vector<ParamSpec> specs;
    std::map<std::string, std::vector<double>> elements;
    bool is_float = false;  // `tensors` is the checkpoint of floats
    // Every scheme for the first config of a type, some for its others.
    unsigned step = 0;
    turn++;
    for (const Quantization& q : quantizations()) {
      SCOPED_TRACE(q.name);
      bool kept = keeps_packed(q);
      if (one.whole_scales && q.kind != QuantKind::kBlockScale) continue;
      ModelConfig config = write_config(one, kept ? packed_config(q) : "{}");
      if (types.insert(config.model_type()).second) step = kSanitized ? 5 : 1;
      if (step == 0) step = one.whole_scales ? 1 : kSanitized ? 10 : 3;
      if (turn++ % step != 0) continue;
      try {
        if (kept || !is_float) {
          specs = scheme_params(config, q);
          if (one.lacks_head)
            for (ParamSpec& spec : specs)
              if (!spec.fallback.empty()) spec.sources = {spec.fallback};
          std::int64_t rows = 1;
          if (q.kind == QuantKind::kBlockScale)
            rows = config.source.find("quantization_config")
                       ->find("weight_block_size")
                       ->items("block")[0]
                       .as_int("rows");
          tensors = make_checkpoint(specs, seed++, kept, rows, one.whole_scales);
          write_checkpoint(one.whole_scales ? with_whole_scales(tensors) : tensors);
          elements = all_elements(specs, tensors);
          is_float = !kept;
        }
        params += expect_plain(q, specs, elements);
        of_scheme[q.name]++;
        for (const ParamSpec& spec : specs)
          ops.insert(spec.op);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::kUnsupported) << error.what();
        EXPECT_TRUE(is_listed(q, *config.architecture, error.what())) << error.what();
        refused[fmt::format("{} {}", q.name, config.model_type())]++;
      }
    }
  }
  for (const auto& [scheme, count] : of_scheme)
    std::cout << fmt::format("  {:<46} {:3} checkpoints\n", scheme, count);
  std::cout << params << " params of " << types.size() << " model types are equal, "
            << refused.size() << " pairs of scheme and type are refused\n";
  // phi3_v has a vision tower of 300 million elements whatever its config says; its rows are
  // llava's and phi3's.
  EXPECT_EQ(types.size(), architectures().size() - 1);
  EXPECT_GE(ops.size(), 15u);
  EXPECT_EQ(of_scheme.size(), quantizations().size());
}

// No tensor is dropped in silence: one that no table names is an error that names it.
TEST_F(AllArchitectures, RefuseATensorThatHasNoPlace) {
  std::set<std::string_view> types;
  for (const Case& one : cases()) {
    if (one.changes != "{}" || one.lacks_head || one.whole_scales) continue;
    SCOPED_TRACE(one.file);
    ModelConfig config = write_config(one, "{}");
    if (!types.insert(config.model_type()).second) continue;
    PlainTensors tensors = make_checkpoint(expand_params(config, "no-quant"), 1, false, 1, false);
    const PlainTensor stray = {.dtype = DType::kF32, .shape = {2}, .values = {1, 2}};
    for (const std::string name : {"stray", "model.layers.0.self_attn.stray_proj.weight",
                                   "transformer.h.0.mlp.stray.bias", "lm_head.stray"}) {
      tensors[name] = stray;
      write_checkpoint(tensors);
      tensors.erase(name);
      ConvertOptions options = options_for("q4f16_1");
      SilentReporter reporter;
      try {
        prepare_conversion(options, reporter);
        ADD_FAILURE() << name << " is dropped in silence";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::kBadInput);
        EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
      }
      options.allow_unused = true;
      Prepared prepared = prepare_conversion(options, reporter);
      EXPECT_EQ(prepared.plan.unused, std::vector<std::string>{name});
      bool told = false;
      for (const std::string& warning : prepared.plan.warnings)
        told = told || warning.find(name) != std::string::npos;
      EXPECT_TRUE(told) << name;
    }
  }
  std::cout << types.size() << " model types refuse tensors that have no place\n";
  EXPECT_EQ(types.size(), architectures().size() - 1);
}

// Names and shapes as the real transformers writes them.
TEST_F(AllArchitectures, CheckpointsOfTransformersAreComplete) {
  fs::path folder = fs::path(MLC_TEST_SHARED) / "golden" / "logits";
  if (!fs::exists(folder)) {
    std::cout << "skipped: no shared data\n";
    return;
  }
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    // A text model without the outer config that mlc_llm's llama4 is.
    if (!entry.is_directory() || name.starts_with("llama4_text")) continue;
    SCOPED_TRACE(name);
    ConvertOptions options;
    options.config = entry.path().string();
    options.quantization = "q4f16_1";
    options.output = (folder_ / "out").string();
    SilentReporter reporter;
    EXPECT_NO_THROW(EXPECT_TRUE(prepare_conversion(options, reporter).plan.unused.empty()));
    count++;
  }
  std::cout << count << " checkpoints of transformers have all tensors and no other\n";
}

}  // namespace
}  // namespace mlc
