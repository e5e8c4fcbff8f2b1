// The architectures that mlc_llm lacks, against released checkpoints: every tensor of such a
// checkpoint has its place in the plan or is ignored by a rule, and none is missing
// (tests/data/checkpoints/README.md).
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "convert/kept_params.h"
#include "convert/packed.h"
#include "convert/report.h"
#include "models/models.h"
#include "models/registry.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(MLC_TEST_DATA) / "data" / "checkpoints";

struct Released {
  std::string type;
  double elements = 0;
  Checkpoint checkpoint;
  std::set<std::string> ignored;
};

// "h.{0-1}.{0-2}.w": h.0.0.w, h.0.1.w, ...; "h.{0-5/2,9}.w": h.0.w, h.2.w, h.4.w, h.9.w
void expand_name(const std::string& pattern, std::vector<std::string>& names) {
  std::size_t open = pattern.find('{');
  if (open == std::string::npos) {
    names.push_back(pattern);
    return;
  }
  std::size_t close = pattern.find('}', open);
  std::istringstream ranges(pattern.substr(open + 1, close - open - 1));
  for (std::string range; std::getline(ranges, range, ',');) {
    std::size_t dash = range.find('-');
    std::size_t slash = range.find('/');
    int first = std::stoi(range);
    int last = dash == std::string::npos ? first : std::stoi(range.substr(dash + 1));
    int step = slash == std::string::npos ? 1 : std::stoi(range.substr(slash + 1));
    for (int i = first; i <= last; i += step)
      expand_name(pattern.substr(0, open) + std::to_string(i) + pattern.substr(close + 1), names);
  }
}

std::vector<std::int64_t> dims(const std::string& text) {
  std::vector<std::int64_t> shape;
  std::istringstream in(text);
  for (std::string dim; std::getline(in, dim, 'x');)
    shape.push_back(std::stoll(dim));
  return shape;
}

DType dtype_named(const std::string& name) {
  std::optional<DType> dtype = dtype_from_safetensors(name);
  if (!dtype) throw std::runtime_error("no such word: " + name);
  return *dtype;
}

Released read_released(const fs::path& path) {
  Released released;
  released.checkpoint.folder = path.string();
  released.checkpoint.files.push_back({"model.safetensors", nullptr, 0});
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::string shape;
    words >> name >> shape;
    if (name == "type") {
      released.type = shape;
      continue;
    }
    if (name == "elements") {
      released.elements = std::stod(shape);
      continue;
    }
    SourceTensor tensor;
    tensor.dtype = DType::kBF16;
    tensor.shape = dims(shape);
    bool ignored = false;
    for (std::string word; words >> word;) {
      if (word == "ignored")
        ignored = true;
      else
        tensor.dtype = dtype_named(word);
    }
    tensor.nbytes = static_cast<std::uint64_t>(tensor.elements()) * size_of(tensor.dtype);
    std::vector<std::string> names;
    expand_name(name, names);
    for (const std::string& one : names) {
      tensor.name = one;
      released.checkpoint.tensors.push_back(tensor);
      if (ignored) released.ignored.insert(one);
    }
  }
  released.checkpoint.build_lookup();
  return released;
}

// What a conversion to `quantization` plans, from the headers alone.
Plan plan_of(Checkpoint checkpoint, const ModelConfig& config, const char* quantization) {
  const Quantization& scheme = *find_quantization(quantization);
  std::vector<ParamSpec> params = scheme_params(config, scheme);
  if (!keeps_packed(scheme))
    decode_packed(checkpoint, find_packed_config(checkpoint, config.source, config.path));
  return build_plan(checkpoint, config, params, scheme);
}

TEST(ModelsWithoutLibrary, HaveAPlaceForEveryReleasedTensor) {
  std::set<std::string_view> types;
  std::size_t tensors = 0;
  std::size_t plans = 0;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".tensors") continue;
    SCOPED_TRACE(entry.path().filename().string());
    Released released = read_released(entry.path());
    fs::path json = entry.path();
    ModelConfig config = load_model_config(json.replace_extension(".json").string(), "auto");
    EXPECT_EQ(config.model_type(), released.type);
    types.insert(config.model_type());
    // Packed tensors count as the weights that they hold; nothing but headers is looked at.
    Checkpoint decoded = released.checkpoint;
    decode_packed(decoded, find_packed_config(decoded, config.source, config.path));
    double elements = 0;
    for (const SourceTensor& tensor : decoded.tensors)
      if (!tensor.name.ends_with("_scale_inv")) elements += static_cast<double>(tensor.elements());
    EXPECT_NEAR(elements / released.elements, 1, 0.01) << elements;
    std::vector<const char*> quantizations = {"q4f16_1"};
    if (released.checkpoint.tensors.size() < 10000) quantizations.push_back("q0f16");
    const Json* packed = config.source.find("quantization_config");
    if (packed != nullptr && packed->find("weight_block_size") != nullptr)
      quantizations.push_back("fp8_e4m3fn_bf16_block_scale");
    for (const char* quantization : quantizations) {
      SCOPED_TRACE(quantization);
      Plan plan;
      ASSERT_NO_THROW(plan = plan_of(released.checkpoint, config, quantization));
      EXPECT_FALSE(plan.in_mlc_llm);
      EXPECT_TRUE(plan.unused.empty()) << plan.unused.size() << " " << plan.unused[0];
      std::set<std::string> ignored;
      for (const IgnoredSource& one : plan.ignored) {
        ignored.insert(one.name);
        EXPECT_FALSE(one.rule.empty());
      }
      EXPECT_EQ(ignored, released.ignored);
      for (const PlanStep& step : plan.steps)
        if (step.spec.name.ends_with("gate.weight")) {
          EXPECT_FALSE(step.quantized) << step.spec.name;
        }
      Prepared prepared;
      prepared.plan = std::move(plan);
      std::string line = "no runtime has a model library for " + released.type;
      EXPECT_NE(summary_text({}, prepared, {}).find(line), std::string::npos);
      if (plans++ == 0) {
        EXPECT_NE(plan_text(prepared).find(line), std::string::npos);
      }
    }
    tensors += released.checkpoint.tensors.size();
  }
  std::cout << tensors << " released tensors have their place in " << plans << " plans\n";
  for (const Architecture* architecture : architectures())
    EXPECT_EQ(types.count(architecture->model_type), architecture->in_mlc_llm ? 0u : 1u)
        << architecture->model_type;
}

// A released config.json names its model_type; older ones may have another, but the same class.
TEST(ModelsWithoutLibrary, AreDetectedByClassToo) {
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".json") continue;
    SCOPED_TRACE(entry.path().filename().string());
    Json source = read_json_file(entry.path().string());
    ModelConfig config = read_model_config(source, "config.json", "auto");
    if (config.model_type() == "kimi_k2") continue;  // its class is DeepSeek's
    source.set("model_type", "renamed");
    EXPECT_EQ(read_model_config(source, "config.json", "auto").architecture, config.architecture);
  }
  EXPECT_EQ(find_architecture_of_class("LlamaForCausalLM"), nullptr);
  EXPECT_EQ(find_architecture_of_class(""), nullptr);
}

}  // namespace
}  // namespace mlc
