// Every list, map, order and layout of the registry that mlc_llm's own code made, compared with
// ours. No file is left out, and each difference has its mark in docs/errata.md.
#include "tests/unit/mlc_lists.h"

#include <cstdio>
#include <set>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "models/registry.h"
#include "tests/unit/sanitized.h"

namespace mlc {
namespace {

using namespace mlc::test;

class MlcLists : public testing::Test {
 protected:
  void SetUp() override {
    if (fs::exists(kRegistry)) return;
    std::printf("skipped: no shared data\n");
    GTEST_SKIP();
  }

  static std::vector<fs::path> files(const char* folder) {
    std::vector<fs::path> list;
    for (const auto& entry : fs::directory_iterator(kRegistry / folder))
      list.push_back(entry.path());
    std::sort(list.begin(), list.end());
    return list;
  }

  static ModelConfig config_of(const Json& list) {
    fs::path preset = kRegistry / "presets" / (text(list, "preset") + ".json");
    const Json* model = list.find("model");
    return load_model_config(preset.string(), model ? model->as_string("model") : "auto");
  }

  void take(const Comparison& comparison) {
    for (const std::string& sentence : comparison.wrong)
      ADD_FAILURE() << sentence;
    for (const auto& [mark, count] : comparison.excused)
      excused_[mark] += count;
    params_ += comparison.params;
    entries_ += comparison.entries;
  }

  void print_excused() const {
    for (const auto& [mark, count] : excused_)
      std::printf("  %-4s excuses %d differences\n", mark.c_str(), count);
  }

  static std::vector<std::string> written(const Plan& plan) {
    std::vector<std::string> names;
    for (const PlanStep& step : plan.steps)
      for (const PlanRecord& r : step.records)
        names.push_back(r.name);
    return names;
  }

  static std::vector<std::string> step_names(const Plan& plan) {
    std::vector<std::string> names;
    for (const PlanStep& step : plan.steps)
      names.push_back(step.spec.name);
    return names;
  }

  std::map<std::string, int> excused_;
  int params_ = 0;
  int entries_ = 0;
};

TEST(Errata, HaveEveryMarkThatExcusesADifference) {
  EXPECT_EQ(unknown_marks(), std::vector<std::string>{});
}

// Small configs under every scheme, without the registry: hashes of the lists that its interpreter
// makes of them (tests/data/configs/README.md).
TEST(SmallConfigs, GiveTheirParamsUnderEveryScheme) {
  const fs::path folder = fs::path(MLC_TEST_DATA) / "data" / "configs";
  std::ifstream rows(folder / "schemes.tsv");
  int equal = 0;
  int refused = 0;
  std::map<std::string, int> differ;
  std::string stem;
  std::string scheme;
  std::string expected;
  while (rows >> stem >> scheme >> expected) {
    SCOPED_TRACE(fmt::format("{} {}", stem, scheme));
    std::string type = find_architecture(stem) != nullptr ? stem : "auto";
    ModelConfig config = load_model_config((folder / (stem + ".json")).string(), type);
    try {
      std::string list;
      for (const Listed& param : our_lists(config, *find_quantization(scheme)).params)
        list += fmt::format("{} {} {}\n", param.name, fmt::join(param.shape, "x"), param.dtype);
      Sha256 sha;
      sha.update(std::as_bytes(std::span(list)));
      EXPECT_EQ(hex(sha.finish()).substr(0, 16), expected);
      equal++;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUnsupported) << error.what();
      std::string mark =
          mark_of(Aspect::kRefused, std::string(config.model_type()), scheme, error.what());
      EXPECT_TRUE(expected == "refused" || !mark.empty()) << error.what();
      refused++;
      if (expected != "refused") differ[mark]++;
    }
  }
  std::printf("%d lists of small configs are equal, %d refused", equal, refused);
  for (const auto& [mark, count] : differ)
    std::printf(", %d of them here alone (%s)", count, mark.c_str());
  std::printf("\n");
  EXPECT_GT(equal, 600);
}

TEST_F(MlcLists, ParamsAreEqual) {
  std::map<std::string, int> of_scheme;
  std::set<std::string> models;
  int refused = 0;
  int orders = 0;
  std::vector<fs::path> all = files("params");
  for (const fs::path& path : all) {
    SCOPED_TRACE(path.filename().string());
    Json theirs = read_json_file(path.string());
    std::string model = text(theirs, "model");
    std::string scheme = text(theirs, "quantization");
    const Quantization* q = find_quantization(scheme);
    ASSERT_NE(q, nullptr);
    EXPECT_EQ(name_of(q->kind), text(theirs, "kind"));
    EXPECT_EQ(theirs.find("tensor_parallel_shards")->as_int("shards"), 1);
    Comparison comparison(model, scheme);
    of_scheme[scheme]++;
    models.insert(model);
    ModelConfig config = config_of(theirs);
    try {
      OurLists ours = our_lists(config, *q);
      comparison.lists(ours.unquantized, *theirs.find("unquantized"));
      comparison.lists(ours.params, *theirs.find("params"));
      if (const Json* order = theirs.find("yield_order_sorted_single_file")) {
        comparison.order(written(ours.plan), *order);
        orders++;
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUnsupported) << error.what();
      EXPECT_TRUE(comparison.is_excused(Aspect::kRefused, error.what())) << error.what();
      refused++;
    }
    take(comparison);
  }
  int lists = 0;
  for (const auto& [scheme, count] : of_scheme) {
    std::printf("  %-46s %3d lists\n", scheme.c_str(), count);
    lists += count;
  }
  std::printf(
      "%d of %zu lists, of %zu model types, with %d params are equal to mlc_llm's (%d refused), "
      "and "
      "%d orders of writing\n",
      lists - refused, all.size(), models.size(), params_, refused, orders);
  print_excused();
  EXPECT_EQ(of_scheme.size(), quantizations().size());
  EXPECT_EQ(static_cast<std::size_t>(lists), all.size());
}

// The sources of the map with the shapes that it gives them, on top of ours.
Checkpoint checkpoint_of(const std::vector<ParamSpec>& specs, const Json& map) {
  Checkpoint checkpoint = headers_for(specs);
  std::map<std::string, std::optional<std::vector<std::int64_t>>> shapes;
  for (const Json& entry : map.find("map")->items("map")) {
    std::vector<std::string> names = strings(*entry.find("hf"));
    const Json& list = *entry.find("hf_shapes");
    for (std::size_t i = 0; i < names.size(); i++)
      if (list.is_null())
        shapes[names[i]] = std::vector<std::int64_t>();  // Ministral: one number for a tensor
      else
        shapes[names[i]] = integers(list.items("shapes")[i]);
  }
  for (SourceTensor& t : checkpoint.tensors)
    if (auto it = shapes.find(t.name); it != shapes.end() && it->second) t.shape = *it->second;
  for (const std::string& name : strings(*map.find("unused")))
    if (checkpoint.find(name) == nullptr) {
      SourceTensor t{.name = name, .dtype = DType::kF32, .shape = {1}};
      checkpoint.tensors.push_back(t);
    }
  checkpoint.build_lookup();
  return checkpoint;
}

TEST_F(MlcLists, MapsAreEqual) {
  std::map<std::string, int> of_source;
  std::size_t refused = 0;
  std::set<std::string> models;
  std::vector<fs::path> all = files("mapping");
  for (const fs::path& path : all) {
    SCOPED_TRACE(path.filename().string());
    Json theirs = read_json_file(path.string());
    std::string model = text(theirs, "model");
    const Quantization* q = find_quantization(text(theirs, "quantization_used"));
    ASSERT_NE(q, nullptr);
    Comparison comparison(model, std::string(q->name));
    ModelConfig config = config_of(theirs);
    of_source[std::string(name_of(q->kind)) + " from " + text(theirs, "source")]++;
    models.insert(model);
    std::vector<ParamSpec> specs;
    try {
      specs = scheme_params(config, *q);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUnsupported) << error.what();
      EXPECT_TRUE(comparison.is_excused(Aspect::kRefused, error.what())) << error.what();
      refused++;
      take(comparison);
      continue;
    }
    comparison.map(specs, *theirs.find("map"));
    // Shapes and dtypes of the params, and the order, from a checkpoint with their tensors.
    Checkpoint checkpoint = checkpoint_of(specs, theirs);
    spread_scales(checkpoint, specs, config, *q);
    Plan plan = build_plan(checkpoint, config, specs, *q);
    EXPECT_EQ(plan.unused, std::vector<std::string>{});
    std::map<std::string, const PlanRecord*> records;
    for (const PlanStep& step : plan.steps)
      for (const PlanRecord& r : step.records)
        records[r.name] = &r;
    for (const Json& entry : theirs.find("map")->items("map")) {
      auto it = records.find(text(entry, "mlc"));
      if (it == records.end()) continue;  // the comparison has named it
      EXPECT_EQ(it->second->shape, integers(*entry.find("shape"))) << it->first;
      EXPECT_EQ(name_of(it->second->dtype), text(entry, "dtype")) << it->first;
    }
    comparison.order(step_names(plan), *theirs.find("mlc_load_order_sorted_single_file"));
    for (const std::string& name : strings(*theirs.find("unused"))) {
      bool used = std::any_of(specs.begin(), specs.end(), [&](const ParamSpec& spec) {
        return std::count(spec.sources.begin(), spec.sources.end(), name) > 0;
      });
      // phi3_v names its embedding there, which is a source all the same.
      EXPECT_TRUE(used || !is_counted_source(config, name)) << name;
    }
    take(comparison);
  }
  for (const auto& [source, count] : of_source)
    std::printf("  %-46s %3d maps\n", source.c_str(), count);
  std::printf(
      "%zu of %zu maps, of %zu model types, with %d entries are equal to mlc_llm's (%zu refused)\n",
      all.size() - refused, all.size(), models.size(), entries_, refused);
  print_excused();
}

// Several files: the order of both, and how often mlc_llm loads each file, which decides
// BitsPerParam.
TEST_F(MlcLists, OrdersOfSeveralFilesAreEqual) {
  Json examples = read_json_file((kRegistry / "order_examples.json").string());
  int count = 0;
  for (const Json& example : examples.items("examples")) {
    SCOPED_TRACE(text(example, "preset") + ", " + text(example, "case"));
    const Quantization& q = *find_quantization(text(example, "quantization"));
    ModelConfig config = config_of(example);
    OurLists ours = our_lists(config, q);
    Checkpoint checkpoint;
    checkpoint.folder = "memory";
    std::map<std::string, std::size_t> files;
    const std::vector<Json::Member>& map = example.find("weight_map")->members("weight_map");
    for (const auto& [name, file] : map) {
      std::string file_name = file.as_string(name);
      if (files.emplace(file_name, files.size()).second)
        checkpoint.files.push_back({file_name, nullptr, 0});
    }
    // In order of files, as a reader gives it.
    for (std::size_t f = 0; f < checkpoint.files.size(); f++)
      for (const auto& [name, file] : map) {
        if (file.as_string(name) != checkpoint.files[f].name) continue;
        const SourceTensor* t = ours.checkpoint.find(name);
        ASSERT_NE(t, nullptr) << name;
        checkpoint.tensors.push_back(*t);
        checkpoint.tensors.back().file = f;
        checkpoint.files[f].elements += static_cast<std::uint64_t>(t->elements());
      }
    checkpoint.build_lookup();
    Plan plan = build_plan(checkpoint, config, ours.specs, q);
    Comparison comparison(std::string(config.model_type()), std::string(q.name));
    comparison.order(step_names(plan), *example.find("mlc_order"));
    comparison.order(written(plan), *example.find("yield_order"));
    std::uint64_t loaded = 0;
    for (const std::string& name : strings(*example.find("file_load_sequence")))
      loaded += checkpoint.files[files.at(name)].elements;
    EXPECT_EQ(plan.loaded_elements, static_cast<std::int64_t>(loaded));
    take(comparison);
    count++;
  }
  std::printf("%d examples of several files have mlc_llm's order and loads\n", count);
  EXPECT_GT(count, 0);
}

// Layouts computed by mlc_llm's own packing class.
TEST_F(MlcLists, ShardsAreEqual) {
  int records = 0;
  std::vector<fs::path> all = files("shards");
  for (const fs::path& path : all) {
    SCOPED_TRACE(path.filename().string());
    Json layout = read_json_file(path.string());
    const Quantization* q = find_quantization(text(layout, "quantization"));
    ASSERT_NE(q, nullptr);
    Plan plan = our_lists(config_of(layout), *q).plan;
    std::map<std::string, const PlanRecord*> ours;
    for (const PlanStep& step : plan.steps)
      for (const PlanRecord& r : step.records)
        ours[r.name] = &r;
    const std::vector<Json>& shards = layout.find("records")->items("records");
    ASSERT_EQ(shards.size(), plan.shard_sizes.size());
    for (std::size_t s = 0; s < shards.size(); s++) {
      EXPECT_EQ(shards[s].find("nbytes")->as_size("nbytes"), plan.shard_sizes[s]);
      for (const Json& record : shards[s].find("records")->items("records")) {
        auto it = ours.find(text(record, "name"));
        ASSERT_NE(it, ours.end()) << text(record, "name");
        EXPECT_EQ(it->second->shard, s);
        EXPECT_EQ(it->second->offset, record.find("byteOffset")->as_size("byteOffset"));
        EXPECT_EQ(it->second->shape, integers(*record.find("shape")));
        EXPECT_EQ(name_of(it->second->dtype), text(record, "dtype"));
        ours.erase(it);
        records++;
      }
    }
    EXPECT_TRUE(ours.empty());
  }
  std::printf("%zu layouts with %d records are equal to mlc_llm's\n", all.size(), records);
}

// What mlc_llm converts, with as many params, for every preset and scheme; what it can't, we refuse
// or do by docs/errata.md.
TEST_F(MlcLists, ConvertibleCombinationsAreEqual) {
  Json matrix = read_json_file((kRegistry / "convert_matrix.json").string());
  int equal = 0;
  int refused_by_both = 0;
  int beyond = 0;
  int refused = 0;
  int number = 0;
  for (const auto& [preset, row] : matrix.members("matrix")) {
    if (kSanitized && number++ % 4 != 0) continue;  // time
    std::string model = text(row, "model");
    ModelConfig config =
        load_model_config((kRegistry / "presets" / (preset + ".json")).string(), model);
    for (const auto& [scheme, cell] : row.find("quants")->members("quants")) {
      SCOPED_TRACE(fmt::format("{} {}", preset, scheme));
      bool theirs = text(cell, "status") == "ok";
      Comparison comparison(model, scheme);
      try {
        OurLists ours = our_lists(config, *find_quantization(scheme));
        if (theirs) {
          EXPECT_EQ(ours.params.size(), cell.find("n_params")->as_size("n_params"));
          equal++;
        } else {
          beyond++;
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::kUnsupported) << error.what();
        if (theirs) {
          EXPECT_TRUE(comparison.is_excused(Aspect::kRefused, error.what())) << error.what();
          refused++;
        } else {
          refused_by_both++;
        }
      }
      take(comparison);
    }
  }
  std::printf(
      "%d combinations of preset and scheme convert to as many params as in mlc_llm, %d are "
      "refused "
      "here alone, %d by both, %d convert here alone\n",
      equal, refused, refused_by_both, beyond);
  print_excused();
}

}  // namespace
}  // namespace mlc
