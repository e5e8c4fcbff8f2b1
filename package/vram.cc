#include "package/vram.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/tensor_cache.h"
#include "models/models.h"
#include "package/cache_rules.h"

namespace mlc {

namespace {

constexpr std::uint64_t kHalf = 2;
constexpr std::uint64_t kFloat = 4;
constexpr std::int64_t kMaxLayers = 4096;

// Sums and products that a hostile config may make too large.
class Bytes {
 public:
  explicit Bytes(const std::string& where) : where_(where) {}
  std::uint64_t product(std::initializer_list<std::uint64_t> factors) const {
    std::uint64_t out = 1;
    for (std::uint64_t factor : factors)
      if (__builtin_mul_overflow(out, factor, &out)) too_large();
    return out;
  }
  std::uint64_t sum(std::uint64_t a, std::uint64_t b) const {
    std::uint64_t out = 0;
    if (__builtin_add_overflow(a, b, &out)) too_large();
    return out;
  }

 private:
  [[noreturn]] void too_large() const {
    bad_input("{}: the model would need more than 2^64 bytes of memory", printable(where_));
  }
  const std::string& where_;
};

// What of the chat config bounds the number of tokens that are kept; 0 or less: not said.
struct Limits {
  std::int64_t context = 0;
  std::int64_t window = 0;
  std::int64_t sinks = 0;
  std::int64_t prefill = 0;
};

std::int64_t int_at(const Json& object, std::string_view key, const std::string& where) {
  const Json* value = object.find(key);
  if (value == nullptr || value->is_null()) return 0;
  return value->as_int(fmt::format("{}: {}", where, key));
}

// The top level of the chat config counts before its model_config, as in mlc_llm's runtime.
std::int64_t setting(const Json& chat, const Json& fields, std::string_view key,
                     const std::string& where) {
  return int_at(chat.find(key) != nullptr ? chat : fields, key, where);
}

// The keys of the top level that are the model's too, put into model_config, so that expressions
// see them.
Json model_source(const Json& chat, const std::string& where) {
  const Json* fields = chat.find("model_config");
  if (fields == nullptr || !fields->is_object())
    bad_input("{}: model_config is missing; expected an mlc-chat-config.json", printable(where));
  Json source = *fields;
  for (const char* key : {"context_window_size", "sliding_window_size", "prefill_chunk_size"}) {
    const Json* value = chat.find(key);
    if (value != nullptr && source.find(key) != nullptr) source.set(key, *value);
  }
  return source;
}

std::uint64_t positive(std::int64_t value) {
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

class Estimator {
 public:
  Estimator(const ModelConfig& config, const Limits& limits)
      : config_(config), scope_(config), limits_(limits), bytes_(config.path) {}

  std::uint64_t kv_cache() const {
    const Architecture& architecture = *config_.architecture;
    if (architecture.embedding) return 0;  // a text is read once and nothing of it kept
    const CacheRule* rule = find_cache_rule(config_.model_type());
    const ForwardTraits* traits = architecture.forward;
    if (rule == nullptr && traits == nullptr)
      fail(ExitCode::kBug, "nothing says what {} keeps in memory", config_.model_type());
    Expr count = rule != nullptr ? rule->layers : traits->layers;
    std::int64_t layers = evaluate_int(count, scope_, config_.path);
    if (layers > kMaxLayers)
      bad_input("{}: {} layers, expected at most {}", printable(config_.path), layers, kMaxLayers);
    std::uint64_t total = 0;
    for (std::int64_t i = 0; i < layers; i++) {
      Scope layer(scope_, "i", i);
      total =
          bytes_.sum(total, rule != nullptr ? of_rule(*rule, layer) : of_traits(*traits, layer));
    }
    return total;
  }

  std::uint64_t temporaries() const {
    std::uint64_t hidden = 0;
    std::uint64_t vocab = 0;
    std::uint64_t widest = 0;
    std::vector<ParamSpec> params = expand_params(config_, "no-quant");
    for (const ParamSpec& param : params)
      if (param.kind == ParamKind::kEmbedding && param.shape.size() == 2 && hidden == 0) {
        vocab = positive(param.shape[0]);
        hidden = positive(param.shape[1]);
      }
    for (const ParamSpec& param : params) {
      // Logits are counted below, of one row.
      bool head =
          param.symbolic_rows || (!param.shape.empty() && positive(param.shape[0]) == vocab);
      if (param.kind == ParamKind::kLinear && param.shape.size() == 2 && !head)
        widest = std::max(widest, positive(param.shape[0]));
      if (param.kind == ParamKind::kExperts && param.shape.size() == 3)
        widest = std::max(widest, bytes_.product({positive(param.shape[1]), experts_per_token()}));
    }
    std::uint64_t row = bytes_.sum(bytes_.product({4, hidden}), bytes_.product({2, widest}));
    return bytes_.sum(bytes_.product({rows(), row, kHalf}), bytes_.product({vocab, kFloat}));
  }

 private:
  // Of one prefill.
  std::uint64_t rows() const {
    std::uint64_t rows = std::max<std::uint64_t>(1, positive(limits_.prefill));
    return limits_.context > 0 ? std::min(rows, positive(limits_.context)) : rows;
  }

  // All keys of a prefill are stored before its first row looks, so a window of W tokens needs
  // room for W and the other rows.
  std::uint64_t tokens(std::int64_t window) const {
    constexpr auto kNone = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t kept = limits_.context > 0 ? positive(limits_.context) : kNone;
    // Beside a context it is that of some layers, which say so themselves (Gemma 3).
    if (limits_.context <= 0 && window <= 0) window = limits_.window;
    if (window > 0) {
      std::uint64_t ring = bytes_.sum(positive(window), rows() - 1);
      kept = std::min(kept, bytes_.sum(ring, positive(limits_.sinks)));
    }
    if (kept == kNone)
      bad_input(
          "{}: context_window_size and sliding_window_size say no number of tokens; expected one "
          "of them above 0",
          printable(config_.path));
    return kept;
  }

  std::int64_t number(Expr expression, const Environment& scope) const {
    if (expression.empty()) return 0;
    Value value = evaluate(expression, scope, config_.path);
    if (std::holds_alternative<std::monostate>(value) || std::holds_alternative<bool>(value))
      return 0;
    return evaluate_int(expression, scope, config_.path);
  }

  std::uint64_t of_rule(const CacheRule& rule, const Environment& layer) const {
    std::uint64_t state = bytes_.product({positive(number(rule.state, layer)), kFloat});
    std::uint64_t kv = positive(number(rule.kv, layer));
    if (kv == 0) return state;
    return bytes_.sum(state, bytes_.product({kv, kHalf, tokens(number(rule.window, layer))}));
  }

  std::uint64_t of_traits(const ForwardTraits& traits, const Environment& layer) const {
    const RecurrentTraits& recurrent = traits.recurrent;
    if (!recurrent.heads.empty()) {
      // A matrix for each head, and the last token of both halves.
      std::uint64_t heads = positive(number(recurrent.heads, layer));
      std::uint64_t dim = positive(number(recurrent.head_dim, layer));
      return bytes_.product({heads, dim, bytes_.sum(dim, 2), kFloat});
    }
    const AttentionTraits& attention = traits.attention;
    // Where the traits don't hold, their window may have no meaning: then all tokens are kept.
    bool holds = traits.supported.empty() || evaluate_bool(traits.supported, layer, config_.path);
    return bytes_.product({2, positive(number(attention.kv_heads, layer)),
                           positive(number(attention.head_dim, layer)), kHalf,
                           tokens(holds ? number(attention.window, layer) : 0)});
  }

  std::uint64_t experts_per_token() const {
    const ForwardTraits* traits = config_.architecture->forward;
    if (traits != nullptr && !traits->moe.top_k.empty())
      return std::max<std::uint64_t>(1, positive(number(traits->moe.top_k, scope_)));
    for (const Json* object : {&config_.fields, config_.fields.find("text_config")})
      if (object != nullptr && object->find("num_experts_per_tok") != nullptr)
        return std::max<std::uint64_t>(
            1, positive(int_at(*object, "num_experts_per_tok", config_.path)));
    return 1;
  }

  const ModelConfig& config_;
  ConfigScope scope_;
  Limits limits_;
  Bytes bytes_;
};

VramEstimate estimate(const Json& chat, Json source, std::uint64_t weights,
                      const std::string& where) {
  const Json* type = chat.find("model_type");
  if (type == nullptr)
    bad_input("{}: model_type is missing; expected an mlc-chat-config.json", printable(where));
  const std::string& model_type = type->as_string(where + ": model_type");
  ModelConfig config = read_model_config(std::move(source), where, model_type);
  const Json& fields = config.fields;
  Limits limits{.context = setting(chat, fields, "context_window_size", where),
                .window = setting(chat, fields, "sliding_window_size", where),
                .sinks = setting(chat, fields, "attention_sink_size", where),
                .prefill = setting(chat, fields, "prefill_chunk_size", where)};
  Estimator estimator(config, limits);
  VramEstimate out{
      .weights = weights, .kv_cache = estimator.kv_cache(), .temporaries = estimator.temporaries()};
  Bytes bytes(where);  // total() must not wrap
  bytes.sum(out.weights, bytes.sum(out.kv_cache, out.temporaries));
  return out;
}

std::uint64_t weight_bytes(const TensorCache& cache, const std::string& where) {
  Bytes bytes(where);
  std::uint64_t total = 0;
  for (const Shard& shard : cache.shards)
    for (const Record& record : shard.records) {
      bool widened = record.dtype == DType::kF32 && record.format == RecordFormat::kF32ToBF16;
      total = bytes.sum(total, bytes.product({record.nbytes, widened ? 2u : 1u}));
    }
  return total;
}

}  // namespace

VramEstimate estimate_vram(const Json& chat_config, const Json& tensor_cache,
                           const std::string& where) {
  TensorCache cache = parse_tensor_cache(dump_json(tensor_cache), where + ": the tensor cache");
  return estimate(chat_config, model_source(chat_config, where), weight_bytes(cache, where), where);
}

VramEstimate estimate_vram(const std::string& folder) {
  namespace fs = std::filesystem;
  const std::string chat_path = folder + "/mlc-chat-config.json";
  std::string cache_path = folder + "/tensor-cache.json";
  std::error_code ignored;  // whatever is wrong with the path, reading it says so
  if (!fs::exists(cache_path, ignored) && fs::exists(folder + "/ndarray-cache.json", ignored))
    cache_path = folder + "/ndarray-cache.json";
  Json chat = read_json_file(chat_path);
  Json source = model_source(chat, chat_path);
  if (fs::exists(folder + "/config.json", ignored)) {
    const std::string path = folder + "/config.json";
    Json own = read_json_file(path);
    for (const Json::Member& member : own.members(path))
      if (source.find(member.first) == nullptr) source.set(member.first, member.second);
  }
  return estimate(chat, std::move(source), weight_bytes(read_tensor_cache(cache_path), cache_path),
                  chat_path);
}

}  // namespace mlc
