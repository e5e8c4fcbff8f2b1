#include "verify/model.h"

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "runtime-min/chat/chat_settings.h"
#include "verify/model_run.h"
#include "verify/model_trace.h"
#include "verify/source_params.h"

namespace mlc {
namespace {

namespace fs = std::filesystem;

// Products of a param and a token that the plain reference may be asked for: three seconds of a
// core.
constexpr std::uint64_t kPlainWork = 500'000'000;
// Bytes of a text for each token that is wanted of it; more would be encoded for nothing.
constexpr std::uint64_t kBytesPerToken = 64;
constexpr std::uint64_t kMostText = std::uint64_t{64} << 20;

std::uint64_t tokens_of(const std::vector<TokenSequence>& sequences) {
  std::uint64_t tokens = 0;
  for (const TokenSequence& sequence : sequences)
    tokens += sequence.inputs.size();
  return tokens;
}

std::string start_of(const std::string& path, std::uint64_t tokens) {
  std::string text = read_file(path, kMostText);
  if (tokens == 0 || text.size() / kBytesPerToken <= tokens) return text;
  text.resize(static_cast<std::size_t>(tokens * kBytesPerToken));
  // Not within a character.
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0)
    text.pop_back();
  return text;
}

// One run of the level.
class ModelLevel {
 public:
  ModelLevel(Device& device, std::string name, const VerifyOptions& options, VerifyReport& report,
             Reporter& reporter)
      : device_(device),
        name_(std::move(name)),
        options_(options),
        report_(report),
        findings_(report.findings),
        reporter_(reporter) {}

  void run() {
    auto start = std::chrono::steady_clock::now();
    if (!open_model() || !make_sequences()) return;
    open_reference();
    open_source();
    RunSums sums;
    try {
      // What the config says is seen in the first steps, even where it changes logits little.
      if (source_ != nullptr)
        source_steps_ = compare_first_piece(*source_, *device_engine_, language_sequence());
      run_sequences({device_engine_.get(), reference_.get(), source_.get()}, sequences_,
                    choice_.sequences, threads(), sums, reporter_);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kUnsupported) throw;
      findings_.add(rule_of(ModelRule::kDeviceFailed), name_, error.what());
      return;
    }
    ModelResult& result = report_.model_run.emplace();
    result.device = name_;
    result.reference = reference_name();
    result.text = describe(sequences_, text_name_);
    const double share = options_.thresholds[Threshold::kDeviceLogits];
    result.device_error = sums.device.result(share);
    const DivergenceSums& beside_source =
        sums.quantization.positions() > 0 ? sums.quantization : sums.strange;
    if (source_ != nullptr) result.quantization_error = beside_source.result(share);
    judge_device(result, sums.worst);
    if (result.quantization_error) judge_quantization(result);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  unsigned threads() const { return options_.threads != 0 ? options_.threads : default_threads(); }

  // Null, and a finding, where this can't be done.
  std::unique_ptr<Engine> try_open(ModelRule unsupported, ModelRule wrong, const std::string& where,
                                   const std::function<std::unique_ptr<Engine>()>& open) {
    try {
      return open();
    } catch (const Error& error) {
      bool here = error.code() == ExitCode::kUnsupported;
      if (!here && error.code() != ExitCode::kBadInput && error.code() != ExitCode::kIo) throw;
      findings_.add(rule_of(here ? unsupported : wrong), where, error.what());
      return nullptr;
    }
  }

  EngineOptions engine_options(KvFormat format) const {
    EngineOptions options;
    options.context = kWindowTokens;
    if (model_.context > 0 && model_.context < kWindowTokens)
      options.context = static_cast<std::uint32_t>(model_.context);
    options.kv_format = format;
    options.prefill_rows = kMostRows;
    return options;
  }

  std::unique_ptr<Engine> open_on(Device& device) const {
    return Engine::open(device, model_, engine_options(KvFormat::kF16), reporter_);
  }

  bool open_model() {
    device_engine_ = try_open(ModelRule::kNotRun, ModelRule::kNotLoaded, options_.model, [&] {
      model_ = load_model(options_.model);
      return open_on(device_);
    });
    return device_engine_ != nullptr;
  }

  // The tokenizer, or null: files and params say what is wrong with it.
  std::unique_ptr<Tokenizer> open_tokenizer() const {
    try {
      return load_tokenizer(options_.model);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kBadInput && error.code() != ExitCode::kIo) throw;
      return nullptr;
    }
  }

  // BOS where the tokenizer has such a special token: MLC writes 1 where a checkpoint says nothing.
  std::uint32_t first_token(const Tokenizer* tokenizer) const {
    const std::string path = options_.model + "/mlc-chat-config.json";
    std::optional<std::uint32_t> bos = read_chat_settings(read_json_file(path), path).bos_token;
    bool special = bos && tokenizer != nullptr && *bos < device_engine_->info().vocab &&
                   tokenizer->is_special(static_cast<std::int32_t>(*bos));
    return special ? *bos : 0;
  }

  bool make_sequences() {
    std::unique_ptr<Tokenizer> tokenizer = open_tokenizer();
    TokenOptions tokens;
    tokens.vocab = device_engine_->info().vocab;
    tokens.context = device_engine_->info().context;
    tokens.tokenizer = tokenizer.get();
    tokens.max_tokens = options_.max_tokens;
    if (!options_.text.empty() && tokenizer == nullptr)
      findings_.add(rule_of(ModelRule::kTextNotRead), options_.text);
    if (!options_.text.empty() && tokenizer != nullptr) {
      tokens.text_name = text_name_ = fs::path(options_.text).filename().string();
      tokens.text = start_of(options_.text, options_.max_tokens);
    }
    try {
      tokens.first_token = first_token(tokenizer.get());
      sequences_ = token_sequences(tokens);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kVerify) throw;
      findings_.add(rule_of(ModelRule::kForeignTokenizer), options_.model, error.what());
      tokens.tokenizer = nullptr;
      tokens.text_name = text_name_ = "";
      sequences_ = token_sequences(tokens);
    }
    return true;
  }

  void open_reference() {
    choice_ = choose_reference(device_.info(), device_engine_->info().params, sequences_);
    if (options_.against != "auto") choice_ = {options_.against, sequences_.size()};
    DeviceOptions plain;
    plain.device = choice_.device;
    plain.threads = options_.device.device.threads;
    reference_device_ = open_device(plain);
    reference_ = try_open(ModelRule::kNotRun, ModelRule::kNotLoaded, choice_.device,
                          [&] { return open_on(*reference_device_); });
  }

  std::string reference_name() const {
    if (reference_ == nullptr) return "nothing";
    if (choice_.sequences == sequences_.size()) return choice_.device;
    return fmt::format("{}, which is slow, on the first {} of {} sequences", choice_.device,
                       choice_.sequences, sequences_.size());
  }

  std::unique_ptr<Engine> open_source_engine() {
    SourceModel source =
        open_source_model(options_.source, options_.source_format, options_.model_type, reporter_);
    return Engine::open(*source_device_, source.model, std::move(source.params),
                        engine_options(KvFormat::kF32), reporter_);
  }

  void open_source() {
    if (options_.source.empty()) return;
    DeviceOptions fast;
    fast.device = "cpu";
    fast.threads = options_.device.device.threads;
    source_device_ = open_device(fast);
    try {
      SourceModel source = open_source_model(options_.source, options_.source_format,
                                             options_.model_type, reporter_);
      source_ = Engine::open(*source_device_, source.model, std::move(source.params),
                             engine_options(KvFormat::kF32), reporter_);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kUnsupported) throw;
      findings_.add(rule_of(ModelRule::kSourceNotRun), options_.source, error.what());
      return;
    }
    const ModelInfo& model = device_engine_->info();
    const ModelInfo& source = source_->info();
    if (source.vocab == model.vocab && source.context >= model.context) return;
    findings_.add(rule_of(ModelRule::kQuantizationDiverges), options_.source,
                  fmt::format("{} logits, a context of {}", model.vocab, model.context),
                  fmt::format("{} and {}", source.vocab, source.context));
    source_ = nullptr;
  }

  void judge_device(ModelResult& result, const WorstPiece& worst) {
    const Divergence& d = result.device_error;
    const VerifyThresholds& bounds = options_.thresholds;
    double share = d.logit_range > 0 ? d.max_logit_error / d.logit_range : 0;
    bool kl = bounds.broken(Threshold::kDeviceKl, d.kl_mean);
    bool logits = bounds.broken(Threshold::kDeviceLogits, share);
    if (!kl && !logits && d.nonfinite_positions == 0 && d.unexplained_top1 == 0) return;
    const TokenSequence& sequence = sequences_[worst.sequence];
    std::string where = fmt::format("{} on {}", sequence.name, name_);
    if (kl || logits)
      findings_.add(rule_of(ModelRule::kDeviceDiverges), where,
                    fmt::format("KL divergence {:.3g} (mean), {:.3g} (largest); a logit off by "
                                "{:.3g} of the range",
                                d.kl_mean, d.kl_max, share),
                    fmt::format("at most {:g} (mean), and {:g} of the range",
                                bounds[Threshold::kDeviceKl], bounds[Threshold::kDeviceLogits]));
    if (d.unexplained_top1 > 0)
      findings_.add(rule_of(ModelRule::kTop1Differs), name_,
                    fmt::format("{} of {} positions", d.unexplained_top1, d.positions),
                    "none where the reference's lead is more than twice the bound of a logit");
    find_wrong_step(result, sequence, worst.piece);
    bool named = findings_.has(rule_of(ModelRule::kNonfinite).id);
    if (d.nonfinite_positions > 0 && !named)
      findings_.add(rule_of(ModelRule::kNonfinite), where,
                    fmt::format("{} positions without numbers", d.nonfinite_positions));
  }

  // Engines with empty caches, one model at a time on each device.
  void find_wrong_step(ModelResult& result, const TokenSequence& sequence, std::size_t piece) {
    reference_ = nullptr;
    device_engine_ = nullptr;
    const double bound = options_.thresholds[Threshold::kLayerError];
    try {
      result.layers = compare_steps([&] { return open_on(*reference_device_); },
                                    [&] { return open_on(device_); }, sequence, piece, bound);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kUnsupported) throw;
      findings_.add(rule_of(ModelRule::kDeviceFailed), name_, error.what());
      return;
    }
    for (const LayerNumbers& step : result.layers)
      if (step.nonfinite || step.reference_nonfinite) {
        findings_.add(
            rule_of(ModelRule::kNonfinite), fmt::format("{} on {}", step.label, name_),
            fmt::format("{} ({}) gives NaN or infinity; the reference {}", step.kernel,
                        step.variant, step.reference_nonfinite ? "does, too" : "does not"));
        break;
      }
    const LayerNumbers* wrong = first_wrong(result.layers, bound);
    if (wrong == nullptr) return;
    findings_.add(rule_of(ModelRule::kFirstWrongLayer),
                  fmt::format("{} on {}", wrong->label, name_),
                  fmt::format("{} ({}) is off by {:.3g} of the largest value in {}", wrong->kernel,
                              wrong->variant, wrong->own_error, sequence.name),
                  fmt::format("at most {:g}", bound));
  }

  void judge_quantization(ModelResult& result) {
    const Divergence& d = *result.quantization_error;
    const VerifyThresholds& bounds = options_.thresholds;
    bool broken = d.nonfinite_positions > 0;
    auto judge = [&](ModelRule rule, Threshold threshold, double value, const char* what) {
      if (!bounds.broken(threshold, value)) return;
      broken = true;
      const char* side = threshold == Threshold::kQuantizationTop1 ? "at least" : "at most";
      findings_.add(rule_of(rule), options_.source, fmt::format("{} {:.4g}", what, value),
                    fmt::format("{} {:g}", side, bounds[threshold]));
    };
    if (d.nonfinite_positions > 0)
      findings_.add(rule_of(ModelRule::kQuantizationDiverges), options_.source,
                    fmt::format("{} positions without numbers", d.nonfinite_positions));
    if (d.positions > 0) {
      judge(ModelRule::kQuantizationDiverges, Threshold::kQuantizationKl, d.kl_mean,
            "mean KL divergence");
      judge(ModelRule::kQuantizationTop1, Threshold::kQuantizationTop1, d.top1, "top-1 agreement");
    }
    if (d.perplexity_positions > 0)
      judge(ModelRule::kPerplexityRatio, Threshold::kPerplexityRatio, d.perplexity_ratio, "ratio");
    // Where the device is wrong, that is what there is to see to.
    if (findings_.has(rule_of(ModelRule::kDeviceDiverges).id) ||
        findings_.has(rule_of(ModelRule::kNonfinite).id))
      return;
    const LayerNumbers* step = first_beyond_quantization(source_steps_, broken);
    if (step == nullptr) return;
    result.source_layers = source_steps_;
    findings_.add(
        rule_of(ModelRule::kSourceLayerDiffers), step->label,
        fmt::format("{} differs by {:.3g} of the largest value", step->kernel, step->own_error));
  }

  const TokenSequence& language_sequence() const {
    for (const TokenSequence& sequence : sequences_)
      if (sequence.is_language && sequence.inputs.size() > 1) return sequence;
    return sequences_.front();
  }

  Device& device_;
  std::string name_;
  const VerifyOptions& options_;
  VerifyReport& report_;
  Findings& findings_;
  Reporter& reporter_;
  std::string text_name_;
  LoadedModel model_;
  std::vector<TokenSequence> sequences_;
  ReferenceChoice choice_;
  std::vector<LayerNumbers> source_steps_;
  // Devices before what they made.
  std::unique_ptr<Device> reference_device_, source_device_;
  std::unique_ptr<Engine> device_engine_, reference_, source_;
};

}  // namespace

ReferenceChoice choose_reference(const DeviceInfo& device, std::uint64_t params,
                                 const std::vector<TokenSequence>& sequences) {
  const std::uint64_t affordable = kPlainWork / std::max<std::uint64_t>(1, params);
  if (tokens_of(sequences) <= affordable) return {"cpu-reference", sequences.size()};
  if (device.backend != "cpu") return {"cpu", sequences.size()};
  ReferenceChoice choice{"cpu-reference", 0};
  std::uint64_t tokens = 0;
  for (const TokenSequence& sequence : sequences) {
    tokens += sequence.inputs.size();
    if (choice.sequences > 0 && tokens > affordable) break;
    choice.sequences++;
  }
  return choice;
}

void verify_model_on(Device& device, const std::string& name, const VerifyOptions& options,
                     VerifyReport& report, Reporter& reporter) {
  ModelLevel(device, name, options, report, reporter).run();
}

std::string verify_model(const VerifyOptions& options, VerifyReport& report, Reporter& reporter) {
  std::unique_ptr<Device> device = open_device(options.device);
  std::string name = options.device.device.device;
  if (name == "auto") name = device->info().backend;
  verify_model_on(*device, name, options, report, reporter);
  return {};
}

}  // namespace mlc
