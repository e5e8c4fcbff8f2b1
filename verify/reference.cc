#include "verify/reference.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "runtime-min/engine/engine.h"
#include "verify/reference_run.h"

namespace mlc {
namespace {

enum Rule : std::uint8_t {
  kDamagedReference,
  kLaterSchema,
  kOtherModel,
  kNotRun,
  kWrongLogits,
  kWrongLayer,
  kNotChecked,
};

constexpr std::array<FindingRule, 7> kRules = {{
    {"R01", "reference-damaged", Severity::kError, "the file of reference vectors is damaged",
     "fetch it again, or write it anew from a model that is right: mlc verify --write-reference"},
    {"R02", "reference-version", Severity::kWarning,
     "the reference vectors are of a later version of mlc, and were not used", "update mlc"},
    {"R03", "reference-of-another-model", Severity::kError,
     "the reference vectors belong to another model",
     "fetch model and reference together, or write it anew"},
    {"R04", "reference-not-run", Severity::kError,
     "the model can't be run, although it ran when its reference vectors were written",
     "compare mlc-chat-config.json and the index with those of the place it comes from"},
    {"R05", "reference-logits", Severity::kError,
     "the logits are not those of the reference vectors",
     "if a file differs (F10), that is why; else check the kernels, and update the driver"},
    {"R06", "reference-layer", Severity::kError,
     "this is the first part of the model whose result is not that of the reference vectors",
     "if a file differs (F10), that is why; else check the kernels: mlc verify --level kernels"},
    {"R07", "reference-not-checked", Severity::kWarning,
     "the reference vectors could not be compared on this device",
     "choose another device: mlc devices"},
}};

std::string reference_path(const VerifyOptions& options) {
  return options.model + "/" + std::string(kReferenceName);
}

// What the engine runs against what the reference is of; empty if equal.
std::string other_model(const Reference& r, const ModelInfo& info) {
  if (r.model_type != info.model_type || r.quantization != info.quantization)
    return fmt::format("{} {}", info.model_type, info.quantization);
  if (r.layers != info.layers || r.hidden != info.hidden || r.vocab != info.vocab)
    return fmt::format("{} layers of {}, {} tokens", info.layers, info.hidden, info.vocab);
  return {};
}

std::string described(const Reference& r) {
  return fmt::format("{} {}, {} layers of {}, {} tokens", printable(r.model_type),
                     printable(r.quantization), r.layers, r.hidden, r.vocab);
}

// The comparison, on one engine.
class Comparison {
 public:
  Comparison(const Reference& reference, Engine& engine, const VerifyOptions& options,
             VerifyReport& report)
      : reference_(reference), engine_(engine), options_(options), report_(report) {}

  void logits(Reporter& reporter) {
    for (std::size_t p = 0; p < reference_.prompts.size(); p++) {
      throw_if_cancelled();
      const ReferencePrompt& prompt = reference_.prompts[p];
      std::vector<std::uint32_t> wanted;
      for (const ReferencePosition& position : prompt.positions)
        wanted.push_back(position.position);
      std::span<const float> logits = run_prompt(engine_, prompt.tokens, wanted);
      for (std::size_t i = 0; i < wanted.size(); i++)
        position(p, prompt.positions[i], logits.subspan(i * reference_.vocab, reference_.vocab));
      result_.prompts++;
      reporter.advance(prompt.tokens.size() * engine_.info().weight_bytes);
    }
    if (result_.wrong_positions == 0) return;
    report_.findings.add(kRules[kWrongLogits], worst_where_, worst_found_,
                         fmt::format("{}; {} of {} positions are wrong", worst_expected_,
                                     result_.wrong_positions, result_.positions));
  }

  void layers(Reporter& reporter) {
    const std::vector<std::uint32_t>& tokens = reference_.prompts.front().tokens;
    std::vector<TracedPart> parts = trace_parts(engine_, tokens);
    reporter.advance(tokens.size() * engine_.info().weight_bytes);
    for (std::size_t i = 0; i < reference_.parts.size(); i++) {
      const ReferenceLayer& expected = reference_.parts[i];
      bool there = i < parts.size() && parts[i].label == expected.label;
      double error = there ? checksum_error(expected.sum, parts[i].sum)
                           : std::numeric_limits<double>::infinity();
      result_.layers++;
      result_.parts.push_back({expected.label, error, expected.tolerance});
      if (error <= expected.tolerance || !result_.first_wrong.empty()) continue;
      result_.first_wrong = expected.label;
      report_.findings.add(kRules[kWrongLayer], expected.label,
                           there ? fmt::format("its result differs by {:.2e} of its size", error)
                                 : "this model has no such part here",
                           fmt::format("at most {:.2e}, as rounding explains", expected.tolerance));
    }
  }

  ReferenceResult& result() { return result_; }

 private:
  struct Compared {
    double found;
    double expected;
    std::string what;
  };

  void position(std::size_t prompt, const ReferencePosition& expected,
                std::span<const float> logits) {
    result_.positions++;
    std::string where = fmt::format("prompt {}, position {}", prompt, expected.position);
    double range = double{expected.greatest} - double{expected.least};
    auto [least, greatest] = std::minmax_element(logits.begin(), logits.end());
    std::vector<Compared> compared = {{*least, expected.least, "the least logit"},
                                      {*greatest, expected.greatest, "the greatest logit"}};
    for (const ReferenceTop& top : expected.top)
      compared.push_back({logits[top.token], top.logit, fmt::format("token {}", top.token)});
    bool finite =
        std::all_of(logits.begin(), logits.end(), [](float v) { return std::isfinite(v); });
    if (!finite)
      compared = {{std::numeric_limits<double>::quiet_NaN(), expected.greatest, "all logits"}};
    bool wrong = false;
    for (const Compared& one : compared) {
      double error = std::abs(one.found - one.expected);
      if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
      double share = error == 0 ? 0 : error / range;
      wrong |= options_.thresholds.broken(Threshold::kDeviceLogits, share);
      result_.max_logit_error = std::max(result_.max_logit_error, error);
      if (share <= result_.max_logit_share) continue;
      result_.max_logit_share = share;
      worst_where_ = where + ", " + one.what;
      worst_found_ = std::isnan(one.found) ? "NaN or infinity" : fmt::format("{:.9g}", one.found);
      worst_expected_ = fmt::format("{:.9g}, within {:.2e}", one.expected,
                                    range * options_.thresholds[Threshold::kDeviceLogits]);
    }
    if (wrong) result_.wrong_positions++;
  }

  const Reference& reference_;
  Engine& engine_;
  const VerifyOptions& options_;
  VerifyReport& report_;
  ReferenceResult result_;
  std::string worst_where_, worst_found_, worst_expected_;
};

std::size_t count_tokens(const Reference& reference) {
  std::size_t tokens = reference.prompts.front().tokens.size();  // of the layers
  for (const ReferencePrompt& prompt : reference.prompts)
    tokens += prompt.tokens.size();
  return tokens;
}

}  // namespace

std::span<const FindingRule> reference_rules() { return kRules; }

std::optional<Reference> read_model_reference(const VerifyOptions& options, VerifyReport& report) {
  std::string path = reference_path(options);
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    return parse_reference(read_file(path, std::uint64_t{4} << 20), path);
  } catch (const Error& error) {
    const FindingRule& rule =
        kRules[error.code() == ExitCode::kUnsupported ? kLaterSchema : kDamagedReference];
    report.findings.add(rule, std::string(kReferenceName), error.what());
    return std::nullopt;
  }
}

std::map<std::string, std::string> known_sha256(const Reference& reference) {
  std::map<std::string, std::string> known;
  for (const ReferenceFile& file : reference.files)
    known[file.name] = file.sha256;
  return known;
}

void check_reference(const Reference& reference, Device& device, const VerifyOptions& options,
                     VerifyReport& report, Reporter& reporter) {
  auto start = std::chrono::steady_clock::now();
  std::string name(kReferenceName);
  std::unique_ptr<Engine> engine;
  try {
    engine = Engine::open(device, load_model(options.model), reference_options(), reporter);
    if (std::string other = other_model(reference, engine->info()); !other.empty()) {
      report.findings.add(kRules[kOtherModel], name, other, described(reference));
      reporter.end();
      return;
    }
    // As many bytes as weights are read, if each token reads all of them.
    reporter.begin("reference", count_tokens(reference) * engine->info().weight_bytes);
    Comparison comparison(reference, *engine, options, report);
    comparison.logits(reporter);
    comparison.layers(reporter);
    ReferenceResult& result = comparison.result();
    result.path = reference_path(options);
    const std::string& asked = options.device.device.device;
    result.device = asked == "auto" ? device.info().backend : asked;
    result.device_name = device.info().name;
    result.written_by = fmt::format("{}, mlc {}", reference.device, reference.version);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    report.reference = result;
  } catch (const Error& error) {
    if (error.code() == ExitCode::kIo) throw;
    bool unsupported = error.code() == ExitCode::kUnsupported;
    report.findings.add(kRules[unsupported ? kNotChecked : kNotRun], name, error.what());
  }
  reporter.end();
}

void check_reference(const Reference& reference, const VerifyOptions& options, VerifyReport& report,
                     Reporter& reporter) {
  std::unique_ptr<Device> device = open_device(options.device);
  check_reference(reference, *device, options, report, reporter);
}

}  // namespace mlc
