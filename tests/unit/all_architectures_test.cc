// A small random checkpoint of every model type, made from its table, converted from end to end;
// every param is computed again by an independent path (tests/unit/plain_path.h).
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <set>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "convert/convert.h"
#include "models/models.h"
#include "models/registry.h"
#include "tests/unit/plain_path.h"
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
};

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const auto& entry : fs::directory_iterator(kConfigs))
    if (entry.path().extension() == ".json" && !entry.path().stem().has_extension())
      list.push_back({entry.path().stem().string()});
  std::sort(list.begin(), list.end(), [](const Case& a, const Case& b) { return a.file < b.file; });
  // Where mlc_llm fails or drops tensors (docs/errata.md).
  const std::vector<Case> kErrata = {
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
  };
  list.insert(list.end(), kErrata.begin(), kErrata.end());
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

class AllArchitectures : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("mlc-all-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Values around 0 with a few large ones, as weights have them; every dtype occurs.
  PlainTensors make_checkpoint(const std::vector<ParamSpec>& params, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, 0.1);
    const DType kDTypes[] = {DType::kBF16, DType::kF16, DType::kF32};
    PlainTensors tensors;
    for (const ParamSpec& spec : params) {
      DType dtype = kDTypes[seed++ % 3];
      for (std::size_t i = 0; i < spec.sources.size(); i++) {
        PlainTensor& tensor = tensors[spec.sources[i]];
        if (!tensor.shape.empty()) continue;
        tensor.dtype = dtype;
        tensor.shape = source_shape(spec, i);
        std::int64_t count = 1;
        for (std::int64_t dim : tensor.shape)
          count *= dim;
        for (std::int64_t k = 0; k < count; k++)
          tensor.values.push_back(rounded(normal(random), dtype));
      }
    }
    return tensors;
  }

  void write_checkpoint(const PlainTensors& tensors) {
    std::string header;
    std::string data;
    for (const auto& [name, tensor] : tensors) {
      std::size_t begin = data.size();
      for (double value : tensor.values)
        append_element(data, value, tensor.dtype);
      header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                            header.empty() ? "" : ",", name, info(tensor.dtype).safetensors,
                            fmt::join(tensor.shape, ","), begin, data.size());
    }
    header = "{" + header + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    auto size = static_cast<std::uint64_t>(header.size());
    std::ofstream file(folder_ / "model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), sizeof size);
    file << header << data;
  }

  // Name of each record, and its bytes in the shards.
  std::map<std::string, std::string> convert(const std::string& model_type,
                                             std::string_view quantization) {
    ConvertOptions options;
    options.config = folder_.string();
    options.model_type = model_type;
    options.quantization = quantization;
    options.output = (folder_ / "out").string();
    options.overwrite = true;
    options.threads = 1;
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
};

TEST_F(AllArchitectures, ConvertToWhatThePlainPathGives) {
  std::set<std::string_view> types;
  std::set<Op> ops;
  int params = 0;
  unsigned seed = 1;
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.file + " " + one.changes);
    Json source = read_json_file((kConfigs / (one.file + ".json")).string());
    source = merged(source, parse_json(one.changes, "changes"));
    std::ofstream(folder_ / "config.json") << dump_json(source);
    std::string type = find_architecture(one.file) != nullptr ? one.file : "auto";
    ModelConfig config = load_model_config(folder_.string(), type);
    types.insert(config.model_type());
    std::vector<ParamSpec> specs = expand_params(config, "group-quant");
    if (one.lacks_head)
      for (ParamSpec& spec : specs)
        if (!spec.fallback.empty()) spec.sources = {spec.fallback};
    PlainTensors tensors = make_checkpoint(specs, seed++);
    write_checkpoint(tensors);
    for (const char* quantization : {"q4f16_1", "q0f16"}) {
      std::map<std::string, std::string> records = convert(type, quantization);
      for (const ParamSpec& spec : specs) {
        std::vector<const PlainTensor*> sources;
        for (const std::string& name : spec.sources)
          sources.push_back(&tensors[name]);
        for (const auto& [name, bytes] :
             plain_param(spec, sources, *find_quantization(quantization))) {
          ASSERT_EQ(records.count(name), 1u) << name;
          EXPECT_TRUE(records[name] == bytes) << name << " " << quantization;
          records.erase(name);
        }
        ops.insert(spec.op);
        params++;
      }
      EXPECT_TRUE(records.empty()) << records.begin()->first;
    }
  }
  std::cout << params << " params of " << types.size() << " model types are equal\n";
  // phi3_v has a vision tower of 300 million elements whatever its config says; its rows are
  // llava's and phi3's.
  EXPECT_EQ(types.size(), architectures().size() - 1);
  EXPECT_EQ(ops.size(), 13u);
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
