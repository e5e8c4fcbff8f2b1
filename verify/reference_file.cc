#include "verify/reference_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <span>
#include <unordered_set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/relative_path.h"

namespace mlc {
namespace {

constexpr std::uint32_t kMostTokens = 4096;  // of a prompt; what is written has some dozens
constexpr std::size_t kMostEntries = 4096;   // of any list

// SplitMix64 (Steele, Lea, Flood 2014): every 64-bit number gives a well-mixed one.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

// Variance 1: evenly spread between -sqrt 3 and sqrt 3.
double direction(std::uint64_t index) {
  double unit = std::ldexp(static_cast<double>(mix(index) >> 11), -53);  // exact
  return std::sqrt(3.0) * (2 * unit - 1);
}

std::string digest_text(std::string_view text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hex(hash.finish());
}

// The shortest text that reads back as the same float.
Json float_json(float value) {
  std::array<char, 32> text;
  auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string_view shortest(text.data(), static_cast<std::size_t>(end - text.data()));
  return parse_json(shortest, "float");
}

// A place in the file: every reading names it.
class Node {
 public:
  Node(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  const std::string& place() const { return place_; }

  // Exactly these members.
  void expect_members(std::initializer_list<std::string_view> names) const {
    for (const auto& [name, value] : json_.members(place_))
      if (std::find(names.begin(), names.end(), name) == names.end())
        bad_input("{}: unknown member {}", place_, printable(name));
    for (std::string_view name : names)
      if (json_.find(name) == nullptr) bad_input("{}: {} is missing", place_, name);
  }

  Node at(std::string_view name) const {
    const Json* found = json_.find(name);
    if (found == nullptr) bad_input("{}: {} is missing", place_, name);
    return {*found, fmt::format("{}: {}", place_, name)};
  }

  std::vector<Node> items(std::size_t least, std::size_t most) const {
    const std::vector<Json>& all = json_.items(place_);
    if (all.size() < least || all.size() > most)
      bad_input("{}: expected {} to {} entries, found {}", place_, least, most, all.size());
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < all.size(); i++)
      nodes.emplace_back(all[i], fmt::format("{}[{}]", place_, i));
    return nodes;
  }

  std::string text() const {
    const std::string& value = json_.as_string(place_);
    if (value.empty() || value.size() > 200)
      bad_input("{}: expected a text of 1 to 200 bytes", place_);
    return value;
  }

  std::uint64_t size() const { return json_.as_size(place_); }

  std::uint32_t number(std::uint64_t least, std::uint64_t most) const {
    std::uint64_t value = json_.as_size(place_);
    if (value < least || value > most)
      bad_input("{}: expected {} to {}, found {}", place_, least, most, value);
    return static_cast<std::uint32_t>(value);
  }

  float float32() const {
    double near = json_.as_double(place_);
    const std::string& text = json_.number_text();
    float value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      bad_input("{}: {} is no float32", place_, near);
    return value;
  }

  double float64() const { return json_.as_double(place_); }

 private:
  const Json& json_;
  std::string place_;
};

Json part_json(const ReferenceLayer& part) {
  Json projections = Json::array();
  for (double value : part.sum.projections)
    projections.push(float_json(static_cast<float>(value)));
  return Json::object()
      .set("label", part.label)
      .set("elements", part.sum.elements)
      .set("rms", float_json(static_cast<float>(part.sum.rms)))
      .set("projections", std::move(projections))
      .set("tolerance", float_json(static_cast<float>(part.tolerance)));
}

Json prompt_json(const ReferencePrompt& prompt) {
  Json tokens = Json::array();
  for (std::uint32_t token : prompt.tokens)
    tokens.push(std::uint64_t{token});
  Json positions = Json::array();
  for (const ReferencePosition& position : prompt.positions) {
    Json top_tokens = Json::array();
    Json top_logits = Json::array();
    for (const ReferenceTop& top : position.top) {
      top_tokens.push(std::uint64_t{top.token});
      top_logits.push(float_json(top.logit));
    }
    positions.push(Json::object()
                       .set("position", std::uint64_t{position.position})
                       .set("least", float_json(position.least))
                       .set("greatest", float_json(position.greatest))
                       .set("top_tokens", std::move(top_tokens))
                       .set("top_logits", std::move(top_logits)));
  }
  return Json::object().set("tokens", std::move(tokens)).set("positions", std::move(positions));
}

ReferenceFile parse_file(const Node& node) {
  node.expect_members({"name", "bytes", "sha256"});
  ReferenceFile file{node.at("name").text(), node.at("bytes").size(), node.at("sha256").text()};
  bool plain = file.sha256.size() == 64 &&
               file.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!plain) bad_input("{}: sha256 must be 64 lower-case hex digits", node.place());
  if (std::string_view problem = relative_path_problem(file.name); !problem.empty())
    bad_input("{}: name {}: {}", node.place(), printable(file.name), problem);
  return file;
}

ReferencePosition parse_position(const Node& node, std::uint32_t tokens, std::uint32_t vocab) {
  node.expect_members({"position", "least", "greatest", "top_tokens", "top_logits"});
  ReferencePosition position{.position = node.at("position").number(0, tokens - 1),
                             .least = node.at("least").float32(),
                             .greatest = node.at("greatest").float32()};
  std::vector<Node> ids = node.at("top_tokens").items(1, std::min<std::size_t>(vocab, 64));
  std::vector<Node> logits = node.at("top_logits").items(ids.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); i++)
    position.top.push_back({ids[i].number(0, vocab - 1), logits[i].float32()});
  for (std::size_t i = 1; i < ids.size(); i++) {
    const ReferenceTop& before = position.top[i - 1];
    const ReferenceTop& next = position.top[i];
    if (next.logit > before.logit || (next.logit == before.logit && next.token <= before.token))
      bad_input("{}: top_logits must descend", node.place());
  }
  if (position.greatest != position.top.front().logit || position.least > position.top.back().logit)
    bad_input("{}: least, greatest and top_logits do not fit", node.place());
  return position;
}

ReferencePrompt parse_prompt(const Node& node, std::uint32_t vocab) {
  node.expect_members({"tokens", "positions"});
  ReferencePrompt prompt;
  for (const Node& token : node.at("tokens").items(1, kMostTokens))
    prompt.tokens.push_back(token.number(0, vocab - 1));
  auto count = static_cast<std::uint32_t>(prompt.tokens.size());
  for (const Node& position : node.at("positions").items(1, count)) {
    prompt.positions.push_back(parse_position(position, count, vocab));
    std::size_t n = prompt.positions.size();
    if (n > 1 && prompt.positions[n - 1].position <= prompt.positions[n - 2].position)
      bad_input("{}: positions must ascend", position.place());
  }
  return prompt;
}

ReferenceLayer parse_part(const Node& node) {
  node.expect_members({"label", "elements", "rms", "projections", "tolerance"});
  ReferenceLayer part{
      .label = node.at("label").text(),
      .sum = {.elements = node.at("elements").size(), .rms = double{node.at("rms").float32()}},
      .tolerance = node.at("tolerance").float64()};
  std::vector<Node> projections =
      node.at("projections").items(Checksum::kProjections, Checksum::kProjections);
  for (std::size_t i = 0; i < Checksum::kProjections; i++)
    part.sum.projections[i] = double{projections[i].float32()};
  if (part.sum.rms < 0 || part.sum.elements == 0 || !(part.tolerance > 0) || part.tolerance > 1)
    bad_input("{}: impossible elements, rms or tolerance", node.place());
  return part;
}

// Nothing that is named twice: labels, files, top tokens.
void expect_distinct(const std::string& where, std::span<const std::string> names) {
  std::unordered_set<std::string> seen;
  for (const std::string& name : names)
    if (!seen.insert(name).second) bad_input("{}: {} is there twice", where, printable(name));
}

void check_names(const Reference& r, const std::string& where) {
  std::vector<std::string> names;
  for (const ReferenceFile& file : r.files)
    names.push_back(file.name);
  expect_distinct(where + ": files", names);
  names.clear();
  for (const ReferenceLayer& part : r.parts)
    names.push_back(part.label);
  expect_distinct(where + ": layers", names);
  for (const ReferencePrompt& prompt : r.prompts)
    for (const ReferencePosition& position : prompt.positions) {
      names.clear();
      for (const ReferenceTop& top : position.top)
        names.push_back(std::to_string(top.token));
      expect_distinct(where + ": top_tokens", names);
    }
}

}  // namespace

bool Checksum::finite() const {
  return std::isfinite(rms) && std::all_of(projections.begin(), projections.end(),
                                           [](double value) { return std::isfinite(value); });
}

Checksum checksum_of(const float* values, std::size_t count) {
  Checksum sum{.elements = count};
  double squares = 0;
  for (std::size_t i = 0; i < count; i++) {
    double value = values[i];
    squares += value * value;
    for (std::size_t j = 0; j < Checksum::kProjections; j++)
      sum.projections[j] += direction(i * Checksum::kProjections + j) * value;
  }
  auto n = static_cast<double>(std::max<std::size_t>(count, 1));
  sum.rms = std::sqrt(squares / n);
  for (double& projection : sum.projections)
    projection /= std::sqrt(n);
  return sum;
}

double checksum_error(const Checksum& expected, const Checksum& found) {
  if (expected.elements != found.elements || !expected.finite() || !found.finite())
    return std::numeric_limits<double>::infinity();
  double most = std::abs(found.rms - expected.rms);
  for (std::size_t j = 0; j < Checksum::kProjections; j++)
    most = std::max(most, std::abs(found.projections[j] - expected.projections[j]));
  if (most == 0) return 0;
  return expected.rms > 0 ? most / expected.rms : std::numeric_limits<double>::infinity();
}

std::string Reference::model_hash() const {
  std::string lines;
  for (const ReferenceFile& file : files)
    lines += fmt::format("{}  {}  {}\n", file.sha256, file.bytes, file.name);
  return digest_text(lines);
}

std::string write_reference(const Reference& r) {
  Json files = Json::array();
  for (const ReferenceFile& file : r.files)
    files.push(
        Json::object().set("name", file.name).set("bytes", file.bytes).set("sha256", file.sha256));
  Json prompts = Json::array();
  for (const ReferencePrompt& prompt : r.prompts)
    prompts.push(prompt_json(prompt));
  Json parts = Json::array();
  for (const ReferenceLayer& part : r.parts)
    parts.push(part_json(part));
  Json model = Json::object()
                   .set("model_type", r.model_type)
                   .set("quantization", r.quantization)
                   .set("layers", std::uint64_t{r.layers})
                   .set("hidden", std::uint64_t{r.hidden})
                   .set("vocab", std::uint64_t{r.vocab})
                   .set("sha256", r.model_hash());
  Json json = Json::object()
                  .set("schema", kReferenceSchema)
                  .set("version", r.version)
                  .set("device", r.device)
                  .set("model", std::move(model))
                  .set("files", std::move(files))
                  .set("prompts", std::move(prompts))
                  .set("layers", std::move(parts));
  return dump_json(json) + "\n";
}

Reference parse_reference(std::string_view text, const std::string& where) {
  JsonLimits limits;
  limits.max_bytes = std::size_t{4} << 20;
  limits.max_depth = 8;
  limits.max_values = std::size_t{1} << 18;
  Json json = parse_json(text, where, limits);
  Node root(json, where);
  if (std::uint64_t schema = root.at("schema").size(); schema != kReferenceSchema)
    fail(ExitCode::kUnsupported, "{}: has schema {}; this mlc knows {}", where, schema,
         kReferenceSchema);
  root.expect_members({"schema", "version", "device", "model", "files", "prompts", "layers"});
  Node model = root.at("model");
  model.expect_members({"model_type", "quantization", "layers", "hidden", "vocab", "sha256"});
  Reference r;
  r.version = root.at("version").text();
  r.device = root.at("device").text();
  r.model_type = model.at("model_type").text();
  r.quantization = model.at("quantization").text();
  r.layers = model.at("layers").number(1, 1U << 16);
  r.hidden = model.at("hidden").number(1, 1U << 24);
  r.vocab = model.at("vocab").number(1, 1U << 30);
  for (const Node& file : root.at("files").items(1, kMostEntries))
    r.files.push_back(parse_file(file));
  for (const Node& prompt : root.at("prompts").items(1, kMostEntries))
    r.prompts.push_back(parse_prompt(prompt, r.vocab));
  for (const Node& part : root.at("layers").items(1, kMostEntries))
    r.parts.push_back(parse_part(part));
  check_names(r, where);
  if (std::string hash = r.model_hash(); hash != model.at("sha256").text())
    bad_input("{}: model.sha256 is not that of its files ({})", where, hash);
  return r;
}

}  // namespace mlc
