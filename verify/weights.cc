#include "verify/weights.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/parallel.h"
#include "convert/convert.h"
#include "convert/kept_params.h"
#include "verify/weight_pass.h"
#include "verify/weight_rules.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// The config that the source is read with: its own, or the one beside it.
std::string config_of(const std::string& source) {
  if (source.empty() || fs::is_directory(source)) return source;
  std::string parent = fs::path(source).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string rule_names() {
  std::string names;
  for (const NumericRule& rule : numeric_rules())
    names += (names.empty() ? "" : ", ") + std::string(rule.name);
  return names;
}

std::optional<Recipe> asked_recipe(const VerifyOptions& options) {
  if (options.recompute.empty()) return std::nullopt;
  Recipe recipe{find_numeric_rule(options.recompute), find_method(options.recompute_method)};
  if (recipe.rule == nullptr)
    fail(ExitCode::kUsage, "--recompute={}: unknown numeric rule; expected one of {}",
         printable(options.recompute), rule_names());
  if (recipe.method == nullptr)
    fail(ExitCode::kUsage, "--recompute-method {}: unknown", printable(options.recompute_method));
  if (options.source.empty())
    fail(ExitCode::kUsage, "--recompute: needs --source, which is quantized again");
  return recipe;
}

Prepared prepare_source(const VerifyOptions& options, const ParamFolder& folder) {
  ConvertOptions convert;
  convert.config = config_of(options.source);
  convert.source = options.source;
  convert.source_format = options.source_format;
  convert.model_type = options.model_type;
  convert.quantization = folder.quantization().name;
  convert.threads = options.threads;
  convert.max_memory = options.max_memory;
  convert.allow_unused = true;
  SilentReporter silent;
  return prepare_conversion(convert, silent);
}

ParamNumbers numbers_of(const FolderParam& param, const ParamSums& sums) {
  ParamNumbers n;
  n.name = param.name;
  n.layer = param.layer;
  n.kind = param.kind;
  n.shape = param.shape;
  n.quantized = param.quantized();
  n.elements = param.elements();
  n.nan = sums.values.nan;
  n.inf = sums.values.inf;
  n.groups = sums.codes.groups;
  n.zero_groups = sums.codes.zero_groups;
  n.clipped_groups = sums.codes.clipped_groups;
  n.codes = sums.codes.codes;
  n.rms = sums.values.rms();
  n.max_abs = sums.values.max_abs;
  n.compared = sums.compared;
  if (!sums.compared) return n;
  n.relative_mse = sums.values.relative_mse();
  n.snr_db = sums.values.snr_db();
  n.cosine = sums.values.cosine();
  n.max_error = sums.values.max_error;
  n.max_error_source = static_cast<double>(sums.values.max_source);
  n.max_error_value = static_cast<double>(sums.values.max_value);
  n.max_error_at = index_of(sums.values.max_at, param.shape);
  return n;
}

// Over all quantized params.
void add_totals(const std::vector<ParamSums>& sums, const ParamFolder& folder,
                WeightsResult& result) {
  ValueSums values;
  CodeSums codes;
  for (std::size_t p = 0; p < sums.size(); p++) {
    if (!folder.params()[p].quantized()) continue;
    values.append(sums[p].values);
    codes.append(sums[p].codes);
  }
  result.relative_mse = values.relative_mse();
  result.snr_db = values.snr_db();
  result.codes = codes.codes;
}

std::string hex_of(std::uint64_t bits, std::uint64_t size) {
  return fmt::format("0x{:0{}x}", bits, 2 * size);
}

std::string count_of(std::uint64_t n, std::string_view thing) {
  return fmt::format("{} {}{}", n, thing, n == 1 ? "" : "s");
}

// The first place where the bits of a param differ, as found and expected.
struct PlaceText {
  std::string where;
  std::string found;
  std::string expected;
};
PlaceText text_of(const std::string& param, const Differences& d) {
  const Differences::Place& place = *d.first;
  auto elements = static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, checked_elements(place.record->shape, place.record->name)));
  std::uint64_t size = place.record->nbytes / elements;
  std::string name = place.record->name == param ? "" : ": " + place.record->name;
  return {.where = fmt::format("{}{} [{}]", param, name,
                               fmt::join(index_of(place.element, place.record->shape), ", ")),
          .found = fmt::format("{}; in all, {} and {} differ", hex_of(place.found, size),
                               count_of(d.words, "word"), count_of(d.scales, "scale")),
          .expected = hex_of(place.expected, size)};
}

// What the comparisons of bits say.
class BitFindings {
 public:
  BitFindings(const WeightPass& pass, const ParamFolder& folder, bool asked, VerifyReport& report)
      : pass_(pass), folder_(folder), asked_(asked), report_(report) {}

  void add() {
    const std::vector<Recipe>& recipes = pass_.recipes();
    WeightsResult& result = *report_.weights;
    std::vector<std::size_t> wrong(recipes.size());  // params of each recipe
    std::size_t quantized = 0;
    for (std::size_t p = 0; p < pass_.sums().size(); p++) {
      if (!is_recomputed(p)) continue;
      quantized++;
      for (std::size_t r = 0; r < recipes.size(); r++)
        wrong[r] += pass_.sums()[p].differences[r].none() ? 0u : 1u;
    }
    std::size_t best =
        static_cast<std::size_t>(std::min_element(wrong.begin(), wrong.end()) - wrong.begin());
    if (asked_) result.rule = recipes[0].name();
    bool fits = quantized > 0 && wrong[best] * 4 <= quantized * 3;
    for (std::size_t r = 0; quantized > 0 && r < recipes.size(); r++)
      if (wrong[r] == 0) result.fitting += (result.fitting.empty() ? "" : "; ") + recipes[r].name();
    std::size_t shown = asked_ ? 0 : best;
    for (std::size_t p = 0; p < pass_.sums().size(); p++) {
      const ParamSums& sums = pass_.sums()[p];
      if (sums.differences.empty() || (is_recomputed(p) && !asked_ && !fits)) continue;
      result.params[p].recomputed = true;
      result.params[p].different_words = sums.differences[shown].words;
      result.params[p].different_scales = sums.differences[shown].scales;
    }
    add_casts();
    if (quantized == 0) return;
    if (!fits) return add_none(shown);
    if (asked_ && wrong[0] > wrong[best])
      report_.findings.add(rule_of(WeightRule::kOtherRecipe), report_.model,
                           wrong[best] == 0 ? result.fitting : "nearly " + recipes[best].name(),
                           recipes[0].name());
    for (std::size_t p = 0; p < pass_.sums().size(); p++)
      if (is_recomputed(p) && !pass_.sums()[p].differences[best].none())
        add_place(WeightRule::kBits, p, best, "", recipes[best].name());
  }

 private:
  bool is_quantized(std::size_t p) const { return folder_.params()[p].quantized(); }
  // Those that a quantizer made; packed ones are kept as they are.
  bool is_recomputed(std::size_t p) const {
    return is_quantized(p) && !keeps_packed(folder_.quantization()) &&
           !pass_.sums()[p].differences.empty();
  }

  void add_place(WeightRule rule, std::size_t p, std::size_t recipe, const std::string& found,
                 const std::string& expected) {
    PlaceText text = text_of(folder_.params()[p].name, pass_.sums()[p].differences[recipe]);
    report_.findings.add(rule_of(rule), text.where, found + text.found,
                         text.expected + (expected.empty() ? "" : " by " + expected));
  }

  void add_casts() {
    for (std::size_t p = 0; p < pass_.sums().size(); p++) {
      const ParamSums& sums = pass_.sums()[p];
      if (is_recomputed(p) || sums.differences.empty() || sums.differences[0].none()) continue;
      add_place(WeightRule::kCast, p, 0, "", "");
    }
  }

  // With the first difference from the recipe that was asked for.
  void add_none(std::size_t recipe) {
    if (!asked_) {
      report_.findings.add(rule_of(WeightRule::kUnknownRecipe), report_.model);
      return;
    }
    for (std::size_t p = 0; p < pass_.sums().size(); p++)
      if (is_recomputed(p) && !pass_.sums()[p].differences[recipe].none())
        return add_place(WeightRule::kNoRecipe, p, recipe, "", pass_.recipes()[recipe].name());
  }

  const WeightPass& pass_;
  const ParamFolder& folder_;
  bool asked_;
  VerifyReport& report_;
};

void add_troubles(const ParamFolder& folder, Findings& findings) {
  for (const ParamTrouble& trouble : folder.troubles())
    findings.add(rule_of(WeightRule::kNoPlace), trouble.name, trouble.found, trouble.expected);
}

}  // namespace

std::string verify_weights(const VerifyOptions& options, VerifyReport& report, Reporter& reporter) {
  auto start = std::chrono::steady_clock::now();
  std::optional<Recipe> asked = asked_recipe(options);
  std::optional<ParamFolder> folder;
  try {
    folder.emplace(options.model, config_of(options.source));
  } catch (const Error& error) {
    report.findings.add(rule_of(WeightRule::kUnreadable), options.model, error.what());
    return "";
  }
  add_troubles(*folder, report.findings);
  std::optional<Prepared> source;
  if (!options.source.empty()) source = prepare_source(options, *folder);
  WeightPass pass(*folder, source ? &*source : nullptr, options, asked, reporter);
  pass.run(report.findings);
  WeightsResult& result = report.weights.emplace();
  std::vector<std::uint64_t> bad_scales;
  for (std::size_t p = 0; p < pass.sums().size(); p++) {
    result.params.push_back(numbers_of(folder->params()[p], pass.sums()[p]));
    bad_scales.push_back(pass.sums()[p].codes.bad_scales);
  }
  result.compared = source.has_value();
  result.bytes = pass.bytes();
  add_totals(pass.sums(), *folder, result);
  judge_weights(result, bad_scales, folder->quantization().bits, report.thresholds,
                report.findings);
  if (source) BitFindings(pass, *folder, asked.has_value(), report).add();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return "";
}

}  // namespace mlc
