// Configs that nobody released: random changes of those in tests/data/configs and of the registry's
// presets, whose lists the registry's own interpreter must give too
// (tests/interop/registry_oracle.py). Without the shared registry there is nothing to ask.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "models/registry.h"
#include "tests/unit/mlc_lists.h"
#include "tests/unit/sanitized.h"

namespace mlc {
namespace {

using namespace mlc::test;

class Draw {
 public:
  explicit Draw(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  std::int64_t one_of(std::initializer_list<std::int64_t> list) {
    return list.begin()[below(list.size())];
  }

  // Another value for a field; null: leave it.
  std::optional<Json> value(const std::string& name, const Json* old, FieldType type) {
    auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
    if (type == FieldType::kBool) return Json(below(2) == 0);
    bool is_number = old != nullptr && old->is_int();
    if (type != FieldType::kInt && !is_number) return std::nullopt;
    if (has("head_dim") || name == "kv_channels" || name == "head_size")
      return Json(one_of({8, 16, 32, 64, 96, 128}));
    if (has("heads") || name == "n_head" || name == "n_head_kv" || has("group_num"))
      return Json(one_of({1, 2, 3, 4, 6, 8}));
    if (has("hidden_layers") || name == "n_layer" || name == "num_layers" || has("medusa"))
      return Json(one_of({1, 2, 3, 5, 7}));
    if (has("vocab")) return Json(static_cast<std::int64_t>(1 + below(999)));
    if (has("hidden_size") || name == "n_embd" || name == "n_inner" || has("intermediate") ||
        has("rank") || has("ffn"))
      return Json(one_of({64, 96, 128, 192, 256, 384, 576}));
    if (has("experts")) return Json(one_of({1, 2, 4, 8, 256, 264}));
    if (has("first_k") || has("freq") || has("interval") || has("step") || has("every"))
      return Json(one_of({0, 1, 2, 3}));
    return std::nullopt;
  }

  // Changes each of the object's members and of the table's fields with a chance of 1 in `of`.
  void change(Json& object, const ConfigTable* table, std::size_t of) {
    std::set<std::string> names;
    std::vector<Json::Member> members = object.members("config");
    for (const Json::Member& member : members)
      names.insert(member.first);
    if (table != nullptr)
      for (const Field& field : table->fields)
        names.insert(std::string(field.name));
    for (const char* more : {"attention_bias", "mlp_bias", "tie_word_embeddings"})
      names.insert(more);
    for (const std::string& name : names) {
      const Json* old = object.find(name);
      if (old != nullptr && old->is_object()) {
        Json inner = *old;
        const ConfigTable* nested = nullptr;
        if (table != nullptr)
          for (const Step& step : table->steps)
            if (step.verb == Verb::kNested && step.field == name) nested = step.nested;
        if (name == "text_config") change(inner, nested, of);
        object.set(name, inner);
        continue;
      }
      if (below(of) != 0) continue;
      const Field* field = table == nullptr ? nullptr : find_field(*table, name);
      FieldType type = field != nullptr                                    ? field->type
                       : name.ends_with("bias") || name.starts_with("tie") ? FieldType::kBool
                                                                           : FieldType::kAny;
      bool is_bool = old != nullptr && (*old == Json(true) || *old == Json(false));
      if (auto next = value(name, old, is_bool ? FieldType::kBool : type)) object.set(name, *next);
    }
  }

 private:
  std::mt19937 engine_;
};

// Not all of mlc_llm's classes ask for it, but their loaders can't split such rows; in latent
// attention every head has its keys.
bool heads_divide(const Json& fields) {
  const Json* heads = fields.find("num_attention_heads");
  const Json* groups = fields.find("num_key_value_heads");
  if (heads == nullptr || groups == nullptr || !heads->is_int() || !groups->is_int()) return true;
  if (fields.find("kv_lora_rank") != nullptr) return *heads == *groups;
  return heads->as_int("heads") % groups->as_int("groups") == 0;
}

struct Asked {
  std::string about;
  std::string model;
  ModelConfig config;
  const Quantization* scheme = nullptr;
};

class Oracle : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kRegistry)) {
      std::printf("skipped: no shared data\n");
      GTEST_SKIP();
    }
    folder_ = fs::temp_directory_path() / ("mlc-oracle-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  void ask(Asked asked) {
    Json line = Json::object();
    line.set("model", asked.model).set("scheme", std::string(asked.scheme->name));
    line.set("fields", asked.config.fields).set("config", asked.config.source);
    lines_ += dump_json(line) + "\n";
    asked_.push_back(std::move(asked));
  }

  void compare(const char* what) {
    std::ofstream(folder_ / "cases") << lines_;
    std::string command = fmt::format(
        "python3 '{}' '{}' '{}' '{}'",
        (fs::path(MLC_TEST_DATA) / "interop" / "registry_oracle.py").string(), kRegistry.string(),
        (folder_ / "cases").string(), (folder_ / "answers").string());
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::ifstream answers(folder_ / "answers");
    std::map<std::string, int> excused;
    int equal = 0, refused = 0, refused_by_both = 0, failed = 0, params = 0, entries = 0, bad = 0;
    for (const Asked& asked : asked_) {
      std::string line;
      ASSERT_TRUE(std::getline(answers, line));
      Json theirs = parse_json(line, "answer");
      if (theirs.find("failed") != nullptr) {
        failed++;
        continue;
      }
      Comparison comparison(asked.model, std::string(asked.scheme->name));
      try {
        OurLists ours = our_lists(asked.config, *asked.scheme);
        if (const Json* why = theirs.find("refused")) {
          comparison.wrong.push_back("refused by mlc_llm alone: " + why->as_string("why"));
        } else {
          comparison.lists(ours.unquantized, *theirs.find("unquantized"));
          comparison.lists(ours.params, *theirs.find("params"));
          comparison.map(ours.specs, *theirs.find("map"));
          equal++;
        }
      } catch (const Error& error) {
        if (theirs.find("refused") != nullptr)
          refused_by_both++;
        else if (comparison.is_excused(Aspect::kRefused, error.what()))
          refused++;
        else
          comparison.wrong.push_back(error.what());
      }
      for (const auto& [mark, count] : comparison.excused)
        excused[mark] += count;
      params += comparison.params;
      entries += comparison.entries;
      for (const std::string& sentence : comparison.wrong)
        if (bad++ < 40)
          ADD_FAILURE() << asked.about << " " << asked.scheme->name << ": " << sentence << "\n"
                        << dump_json(asked.config.source);
    }
    std::printf(
        "%s: %d lists with %d params and %d entries of maps are equal to those of mlc_llm's rules; "
        "%d refused here alone, %d by both, %d fail there\n",
        what, equal, params, entries, refused, refused_by_both, failed);
    for (const auto& [mark, count] : excused)
      std::printf("  %-4s excuses %d differences\n", mark.c_str(), count);
    EXPECT_GT(equal, 0);
  }

  fs::path folder_;
  std::string lines_;
  std::vector<Asked> asked_;
};

TEST_F(Oracle, AgreesOnRandomConfigs) {
  Draw draw(20);
  const fs::path folder = fs::path(MLC_TEST_DATA) / "data" / "configs";
  std::map<std::string, int> of_model;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".params") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  int drawn = 0;
  for (const fs::path& file : files) {
    std::string stem = file.stem().string();
    Json base = read_json_file((folder / (stem + ".json")).string());
    std::string type = find_architecture(stem) != nullptr ? stem : "auto";
    const Architecture* architecture = read_model_config(base, stem, type).architecture;
    if (!architecture->in_mlc_llm) continue;
    int wanted = kSanitized ? 4 : 40;
    for (int tries = 0; wanted > 0 && tries < 4000; tries++) {
      Json changed = base;
      draw.change(changed, &architecture->config, 3 + draw.below(6));
      drawn++;
      ModelConfig config;
      try {
        config = read_model_config(changed, stem, std::string(architecture->model_type));
        expand_params(config, "no-quant");
        if (!heads_divide(config.fields)) continue;
      } catch (const Error&) {
        continue;  // no model has such a config
      }
      wanted--;
      std::string model(config.model_type());
      of_model[model]++;
      const Quantization& q = quantizations()[draw.below(quantizations().size())];
      ask({stem, model, config, &q});
    }
    EXPECT_EQ(wanted, 0) << stem;
  }
  std::printf("%d configs drawn, %zu of %zu model types\n", drawn, asked_.size(), of_model.size());
  compare("random configs");
}

TEST_F(Oracle, AgreesOnEveryPresetAndScheme) {
  Json models = read_json_file((kRegistry / "models.json").string());
  for (const Json& model : models.find("models")->items("models"))
    for (const std::string& preset : strings(*model.find("presets"))) {
      ModelConfig config = load_model_config((kRegistry / "presets" / (preset + ".json")).string(),
                                             text(model, "name"));
      if (kSanitized && !preset.starts_with("tiny-")) continue;  // time
      for (const Quantization& q : quantizations()) {
        // Real models are deep; two schemes show their layers, the small ones all schemes.
        if (!preset.starts_with("tiny-") && q.name != "q4f16_1" && q.name != "q4f16_ft") continue;
        ask({preset, text(model, "name"), config, &q});
      }
    }
  compare("presets");
}

}  // namespace
}  // namespace mlc
