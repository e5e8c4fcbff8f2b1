// The form of the tables: what each feature gives, and that malformed rows are found. The tables
// here are the hard ones in small: layers of several kinds, experts, multi-head latent attention,
// shared sources, prefixes that depend on the config, excluded subtrees, nested loops.
#include "models/architecture.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "models/models.h"
#include "models/well_formed.h"

namespace mlc {
namespace {

constexpr Field kFields[] = {
    {.name = "layers"},
    {.name = "heads"},
    {.name = "nope"},
    {.name = "value"},
    {.name = "rank"},
    {.name = "experts"},
    {.name = "dense"},
    {.name = "every", .otherwise = "0"},
    {.name = "block", .type = FieldType::kList, .otherwise = "(4, 4)"},
    {.name = "tower", .type = FieldType::kObject, .otherwise = "None"},
};

// One source, three params (and two more for the scales of block-wise fp8).
constexpr Param kLatent[] = {
    {.name = "m.{i}.kv_b.weight",
     .shape = {"heads*(nope+value)", "rank"},
     .kind = ParamKind::kLinear,
     .rank = 2},
    {.name = "m.{i}.w_uk",
     .shape = {"heads", "rank", "nope"},
     .op = Op::kMlaKvBK,
     .args = {.heads = "heads", .nope = "nope", .value = "value"},
     .sources = {"m.{i}.kv_b.weight"},
     .rank = 0},
    {.name = "m.{i}.w_uk_scale",
     .shape = {"heads", "rank//block[1]", "nope//block[0]"},
     .op = Op::kMlaKvBK,
     .args = {.heads = "heads", .nope = "nope//block[0]", .value = "value//block[0]"},
     .sources = {"m.{i}.kv_b.weight_scale"},
     .only_quant_kind = "block-scale-quant",
     .rank = 0},
    {.name = "m.{i}.w_uv",
     .shape = {"heads", "value", "rank"},
     .op = Op::kMlaKvBV,
     .args = {.heads = "heads", .nope = "nope", .value = "value"},
     .sources = {"m.{i}.kv_b.weight"},
     .rank = 1},
    {.name = "m.{i}.experts.weight",
     .shape = {"experts", "2*value", "rank"},
     .kind = ParamKind::kExperts,
     .op = Op::kStackOfConcat,
     .sources = {"m.{i}.{e}.gate", "m.{i}.{e}.up"},
     .each = "experts",
     .when = "i >= dense"},
    {.name = "m.{i}.mlp.weight",
     .shape = {"value", "rank"},
     .kind = ParamKind::kLinear,
     .when = "not (i >= dense)"},
    {.name = "m.{i}.bias", .shape = {"experts"}, .when = "i >= dense", .dtype = DType::kF32},
    {.name = "m.{i}.out",
     .shape = {"value"},
     .op = Op::kDivPow2,
     .args = {.exponent = "i//every"},
     .when = "every > 0"},
};
constexpr Ignored kIgnored[] = {{.pattern = "m.{i}.inv_freq", .rule = "frequencies"},
                                {.pattern = "m.{layers}.*", .rule = "prediction layers"}};

// Tower: only in some configs, never quantized, a convolution, names under a prefix of the config.
constexpr Param kTower[] = {
    {.name = "tower.{t}.conv.weight",
     .shape = {"tower.width", "3", "tower.patch", "(tower.patch//2)**2+1"},
     .kind = ParamKind::kConv,
     .sources = {"{$root}tower.{t}.conv.weight"}},
};
constexpr std::string_view kExcluded[] = {"tower", "m.1"};
constexpr Alias kAliases[] = {
    {.name = "root", .text = "model.", .when = "'architectures' in config"},
    {.name = "root", .text = ""},
};

// Heads of layers: two loops around one row, and a row after the inner loop.
constexpr Param kInner[] = {{.name = "h.{i}.{k}", .shape = {"rank"}}};
constexpr Param kAfter[] = {{.name = "h.{i}.last", .shape = {"@rank"}}};
constexpr Block kHeads[] = {
    {.variable = "k", .count = "i+1", .params = kInner},
    {.params = kAfter},
};

constexpr Block kBody[] = {
    {.variable = "i", .count = "layers", .params = kLatent, .ignored = kIgnored},
    {.variable = "t", .count = "tower.layers", .when = "tower is not None", .params = kTower},
    {.variable = "i", .count = "2", .blocks = kHeads},
};

constexpr Architecture kModels[] = {{.model_type = "hard",
                                     .config = {.fields = kFields},
                                     .body = kBody,
                                     .aliases = kAliases,
                                     .no_quantization = kExcluded}};
static_assert(well_formed(kModels));

ModelConfig config(const char* more = "") {
  std::string fields =
      R"("layers": 3, "heads": 2, "nope": 8, "value": 4, "rank": 16, "experts": 2, "dense": 1)";
  ModelConfig result;
  result.architecture = &kModels[0];
  result.path = "config.json";
  result.source = parse_json("{" + fields + more + "}", "config.json");
  result.fields = result.source;
  for (const auto& [key, value] :
       {std::pair{"every", "0"}, std::pair{"block", "[4, 4]"}, std::pair{"tower", "null"}})
    if (result.fields.find(key) == nullptr) result.fields.set(key, parse_json(value, "test"));
  return result;
}

std::vector<std::string> names(const std::vector<ParamSpec>& specs) {
  std::vector<std::string> list;
  for (const ParamSpec& spec : specs)
    list.push_back(spec.name);
  return list;
}

const ParamSpec& find(const std::vector<ParamSpec>& specs, std::string_view name) {
  for (const ParamSpec& spec : specs)
    if (spec.name == name) return spec;
  throw std::runtime_error("no " + std::string(name));
}

using Strings = std::vector<std::string>;
using Shape4 = std::vector<std::int64_t>;

TEST(Expand, FollowsLoopsAndConditionsInOrder) {
  EXPECT_EQ(names(expand_params(config(), "no-quant")),
            (Strings{"m.0.kv_b.weight", "m.0.w_uk", "m.0.w_uv", "m.0.mlp.weight", "m.1.kv_b.weight",
                     "m.1.w_uk", "m.1.w_uv", "m.1.experts.weight", "m.1.bias", "m.2.kv_b.weight",
                     "m.2.w_uk", "m.2.w_uv", "m.2.experts.weight", "m.2.bias", "h.0.0", "h.0.last",
                     "h.1.0", "h.1.1", "h.1.last"}));
}

TEST(Expand, GivesShapesSourcesAndArguments) {
  std::vector<ParamSpec> specs = expand_params(config(), "block-scale-quant");
  const ParamSpec& k = find(specs, "m.1.w_uk");
  EXPECT_EQ(k.shape, (Shape4{2, 16, 8}));
  EXPECT_EQ(k.op, Op::kMlaKvBK);
  EXPECT_EQ(k.args.heads, 2);
  EXPECT_EQ(k.args.nope, 8);
  EXPECT_EQ(k.args.value, 4);
  EXPECT_EQ(k.sources, Strings{"m.1.kv_b.weight"});
  EXPECT_LT(k.rank, find(specs, "m.1.kv_b.weight").rank);
  const ParamSpec& scale = find(specs, "m.1.w_uk_scale");
  EXPECT_EQ(scale.shape, (Shape4{2, 4, 2}));
  EXPECT_EQ(scale.args.value, 1);
  const ParamSpec& experts = find(specs, "m.1.experts.weight");
  EXPECT_EQ(experts.sources, (Strings{"m.1.0.gate", "m.1.0.up", "m.1.1.gate", "m.1.1.up"}));
  EXPECT_EQ(find(specs, "m.1.bias").dtype, DType::kF32);
  EXPECT_EQ(find(specs, "m.1.bias").sources, Strings{"m.1.bias"});
  EXPECT_FALSE(find(specs, "h.0.0").symbolic_rows);
  EXPECT_TRUE(find(specs, "h.0.last").symbolic_rows);
}

TEST(Expand, StopsConditionsEarly) {
  std::vector<ParamSpec> specs = expand_params(config(R"(, "every": 2)"), "no-quant");
  EXPECT_EQ(find(specs, "m.0.out").args.exponent, 0);
  EXPECT_EQ(find(specs, "m.2.out").args.exponent, 1);
}

TEST(Expand, ReadsNestedConfigsAndPrefixes) {
  const char* tower = R"(, "tower": {"layers": 1, "width": 6, "patch": 4})";
  ParamSpec spec = find(expand_params(config(tower), "no-quant"), "tower.0.conv.weight");
  EXPECT_EQ(spec.shape, (Shape4{6, 3, 4, 5}));
  EXPECT_EQ(spec.sources, Strings{"tower.0.conv.weight"});
  std::string with_root = std::string(tower) + R"(, "architectures": [])";
  spec = find(expand_params(config(with_root.c_str()), "no-quant"), "tower.0.conv.weight");
  EXPECT_EQ(spec.sources, Strings{"model.tower.0.conv.weight"});
}

TEST(Expand, ExcludesWholeModules) {
  std::vector<ParamSpec> specs = expand_params(config(R"(, "every": 1)"), "no-quant");
  EXPECT_TRUE(find(specs, "m.1.kv_b.weight").no_quantization);
  EXPECT_FALSE(find(specs, "m.0.kv_b.weight").no_quantization);
  EXPECT_FALSE(find(specs, "h.1.0").no_quantization);
}

TEST(Ignored, AreNamedRules) {
  ModelConfig three = config();
  EXPECT_EQ(is_ignored_source(three, "m.2.inv_freq"), "frequencies");
  EXPECT_EQ(is_ignored_source(three, "m.3.inv_freq"), "prediction layers");
  EXPECT_EQ(is_ignored_source(three, "m.3.anything.else"), "prediction layers");
  for (const char* name : {"m.02.inv_freq", "m.4.inv_freq", "m.2.inv_freqs", "m.2", "", "m.-1.x",
                           "m.2.inv_freq*", "m.{i}.inv_freq"})
    EXPECT_EQ(is_ignored_source(three, name), std::nullopt) << name;
}

TEST(Expand, BoundsWhatAConfigCanAsk) {
  auto message = [](const char* key, Json value) -> std::string {
    ModelConfig hostile = config();
    if (std::string_view(key) == "heads") hostile.fields.set("rank", 1 << 17);
    hostile.fields.set(key, std::move(value));
    try {
      expand_params(hostile, "no-quant");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kBadInput);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message("layers", std::int64_t{1} << 40),
            "config.json: layers is 1099511627776, expected 1 to 12500");
  EXPECT_EQ(message("layers", 0), "config.json: layers is 0, expected 1 to 12500");
  EXPECT_EQ(message("experts", 600'000),
            "config.json: this config would have more than 1000000 source tensors (experts is "
            "600000)");
  EXPECT_EQ(message("experts", -1),
            "config.json: m.1.experts.weight would have dimension experts = -1 (experts is -1)");
  EXPECT_EQ(message("rank", std::int64_t{1} << 40), "accepted");
  EXPECT_EQ(message("heads", std::int64_t{1} << 52),
            "config.json: m.0.kv_b.weight would have dimension heads*(nope+value) = "
            "54043195528445952 (heads is 4503599627370496, nope is 8, value is 4)");
  EXPECT_EQ(message("heads", std::int64_t{1} << 36),
            "config.json: m.0.kv_b.weight would have more than 72057594037927936 elements (rank is "
            "131072)");
  EXPECT_EQ(message("rank", std::int64_t{1} << 62),
            "config.json: m.0.kv_b.weight would have dimension rank = 4611686018427387904 (rank is "
            "4611686018427387904)");
  EXPECT_EQ(
      message("dense", "1"),
      "config.json: expected numbers on both sides of the comparison in `i >= dense` (i is 0, "
      "dense is \"1\")");
  EXPECT_EQ(message("tower", Json::object()),
            "config.json: tower.layers is not set in `tower.layers` (tower.layers not set)");
}

// Each is a table with one thing wrong, as problem_of() reports it; in a constexpr table that is
// wrapped in static_assert(well_formed(...)) it does not compile.
std::string_view problem(const Param& param, std::string_view variable = "i") {
  static Param row;
  static Block block;
  row = param;
  block = {.variable = variable, .count = variable.empty() ? "" : "layers", .params = {&row, 1}};
  Architecture architecture = {
      .model_type = "test", .config = {.fields = kFields}, .body = {&block, 1}};
  return problem_of(architecture);
}

TEST(WellFormed, FindsMalformedRows) {
  Param good = {.name = "a.{i}.weight", .shape = {"heads", "rank"}, .kind = ParamKind::kLinear};
  EXPECT_EQ(problem(good), "");
  auto changed = [&](auto change) {
    Param param = good;
    change(param);
    return problem(param);
  };
  EXPECT_NE(changed([](Param& p) { p.name = "a.weight"; }), "");  // the same in every layer
  EXPECT_NE(changed([](Param& p) { p.name = "a.{j}.{i}.weight"; }), "");
  EXPECT_NE(changed([](Param& p) { p.name = "a.{i}.{.weight"; }), "");
  EXPECT_NE(changed([](Param& p) { p.name = "a.{i}.}.weight"; }), "");
  EXPECT_NE(changed([](Param& p) { p.name = "a.{i}.{}.weight"; }), "");
  EXPECT_NE(changed([](Param& p) { p.name = "a.{i+}.weight"; }), "");
  EXPECT_NE(changed([](Param& p) { p.name = "{$nowhere}.{i}.weight"; }), "");
  EXPECT_NE(changed([](Param& p) { p.name = "a.{i}.kernel"; }), "");
  EXPECT_NE(changed([](Param& p) { p.shape = {"heads"}; }), "");
  EXPECT_NE(changed([](Param& p) { p.shape = {}; }), "");
  EXPECT_NE(changed([](Param& p) { p.shape = {"heads", "hidden"}; }), "");
  EXPECT_NE(changed([](Param& p) { p.shape = {"heads", "@rank"}; }), "");
  EXPECT_NE(changed([](Param& p) { p.when = "j > 0"; }), "");
  EXPECT_NE(changed([](Param& p) { p.op = Op::kConcat; }), "");
  EXPECT_NE(changed([](Param& p) { p.sources = {"a.{i}", "b.{i}"}; }), "");
  EXPECT_NE(changed([](Param& p) { p.sources = {"a.{e}"}; }), "");
  EXPECT_NE(changed([](Param& p) { p.op = Op::kStack; }), "");
  EXPECT_NE(changed([](Param& p) { p.each = "experts"; }), "");
  EXPECT_NE(changed([](Param& p) { p.op = Op::kSplitInterleavedQkv; }), "");
  EXPECT_NE(changed([](Param& p) { p.op = Op::kSplitGroupedQkv; }), "");
  EXPECT_NE(changed([](Param& p) { p.op = Op::kMlaKvBK; }), "");
  EXPECT_NE(changed([](Param& p) { p.op = Op::kDivPow2; }), "");
  EXPECT_NE(changed([](Param& p) { p.args.heads = "heads"; }), "");
  EXPECT_NE(changed([](Param& p) { p.args.exponent = "1"; }), "");
  EXPECT_NE(changed([](Param& p) { p.kind = ParamKind::kExperts; }), "");
  EXPECT_NE(changed([](Param& p) {
              p.kind = ParamKind::kNorm;
              p.out_dtype = DType::kF32;
            }),
            "");
  EXPECT_NE(problem(good, ""), "");  // i outside its loop
}

std::string_view problem(std::span<const Param> rows) {
  Block block = {.variable = "i", .count = "layers", .params = rows};
  Architecture architecture = {
      .model_type = "test", .config = {.fields = kFields}, .body = {&block, 1}};
  return problem_of(architecture);
}

TEST(WellFormed, FindsRowsThatCollide) {
  Param a = {.name = "a.{i}", .shape = {"rank"}};
  Param b = {.name = "b.{i}", .shape = {"rank"}, .sources = {"a.{i}"}};
  EXPECT_EQ(problem(std::array{a, b}), "params that share a source need different ranks");
  b.rank = 1;
  EXPECT_EQ(problem(std::array{a, b}), "");
  EXPECT_EQ(problem(std::array{a, a}), "two rows have the same name");
  Param other = a;
  a.when = "i == 0";
  other.when = "i != 0";
  EXPECT_EQ(problem(std::array{a, other}), "");
}

std::string_view problem(std::span<const Field> fields, std::span<const Step> steps) {
  return problem_of({.model_type = "test", .config = {.fields = fields, .steps = steps}});
}

TEST(WellFormed, FindsMalformedConfigs) {
  const std::array fields = {Field{.name = "a"}, Field{.name = "b", .otherwise = "a"}};
  EXPECT_EQ(problem(fields, {}), "");
  EXPECT_NE(problem(std::array{fields[0], fields[0]}, {}), "");
  EXPECT_NE(problem(std::array{Field{.name = "a", .otherwise = "c"}}, {}), "");
  EXPECT_NE(problem(std::array{Field{.name = "config"}}, {}), "");
  auto step = [&](const Step& one) { return problem(fields, std::array{one}); };
  EXPECT_EQ(step(steps::set("a", "b")), "");
  EXPECT_NE(step(steps::set("c", "b")), "");
  EXPECT_NE(step(steps::set("a", "c")), "");
  EXPECT_NE(step(steps::set("a", "")), "");
  EXPECT_NE(step(steps::check("")), "");
  EXPECT_EQ(step(steps::take("a", "x", "b")), "");
  EXPECT_NE(step(steps::take("c", "x", "b")), "");
  EXPECT_NE(step({.verb = Verb::kTake, .field = "a"}), "");
  EXPECT_NE(step({.verb = Verb::kRopeScalingLlama3}), "");
  EXPECT_NE(step({.verb = Verb::kPrefill, .expression = "8192"}), "");
  EXPECT_NE(step({.verb = Verb::kPrefillSliding, .expression = "8192"}), "");
  EXPECT_NE(step({.verb = Verb::kRopeScalingLongrope}), "");
  EXPECT_NE(step({.verb = Verb::kFp8Blocks}), "");
  EXPECT_NE(step({.verb = Verb::kStopUnless}), "");
  EXPECT_NE(step({.verb = Verb::kAssert, .expression = "a", .condition = "c"}), "");
  Step list = {.verb = Verb::kList, .field = "a", .expression = "i", .count = "b"};
  EXPECT_EQ(step(list), "");
  list.filter = "j";
  EXPECT_NE(step(list), "");
  EXPECT_NE(step({.verb = Verb::kList, .field = "a", .expression = "i"}), "");
  EXPECT_NE(step({.verb = Verb::kMember, .field = "a", .keys = {"x"}}), "");
  EXPECT_NE(step({.verb = Verb::kMerge, .field = "a", .keys = {"x"}}), "");
  EXPECT_NE(step({.verb = Verb::kNested, .field = "a"}), "");
  EXPECT_NE(problem_of({}), "");
}

// Members of a nested config are known to the rows.
TEST(WellFormed, ChecksNamesInNestedConfigs) {
  const std::array inner_fields = {Field{.name = "width"}};
  const std::array wrong_step = {steps::check("height > 0")};
  ConfigTable inner = {.fields = inner_fields};
  const std::array fields = {Field{.name = "text", .type = FieldType::kObject},
                             Field{.name = "free", .type = FieldType::kObject}};
  auto problem_with = [&](const char* dimension) {
    const std::array steps = {steps::nested("text", inner)};
    const std::array params = {Param{.name = "a", .shape = {dimension}}};
    const std::array body = {Block{.params = params}};
    return problem_of(
        {.model_type = "test", .config = {.fields = fields, .steps = steps}, .body = body});
  };
  EXPECT_EQ(problem_with("text.width"), "");
  EXPECT_EQ(problem_with("text.kwargs.height"), "");
  EXPECT_EQ(problem_with("free.height"), "");
  EXPECT_EQ(problem_with("text.height"), "a name in the shape is unknown");
  EXPECT_EQ(problem_with("tex.width"), "a name in the shape is unknown");
  inner.steps = wrong_step;
  EXPECT_EQ(problem_with("text.width"), "a name in a step is unknown");
}

TEST(WellFormed, AFallbackHasACondition) {
  Param head = {.name = "a.{i}", .shape = {"rank"}, .fallback = "b.{i}", .fallback_when = "True"};
  EXPECT_EQ(problem(std::array{head}), "");
  head.fallback_when = "";
  EXPECT_NE(problem(std::array{head}), "");
  head.fallback_when = "nowhere";
  EXPECT_NE(problem(std::array{head}), "");
  head.fallback_when = "True";
  head.fallback = "b.{j}";
  EXPECT_NE(problem(std::array{head}), "");
}

TEST(WellFormed, MalformedExpressionsDoNotConstruct) {
  EXPECT_ANY_THROW(Expr("a+"));
  EXPECT_ANY_THROW(Dim("@a b"));
  EXPECT_TRUE(Expr("").empty());
  EXPECT_TRUE(Dim("@a").symbolic);
}

}  // namespace
}  // namespace mlc
