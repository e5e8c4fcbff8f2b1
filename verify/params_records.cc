#include "verify/params_records.h"

#include <algorithm>
#include <limits>
#include <map>
#include <span>
#include <string_view>

#include "base/error.h"
#include "convert/kept_params.h"
#include "models/models.h"
#include "verify/params.h"

namespace mlc {
namespace {

using ByName = std::map<std::string_view, const Record*>;

ByName by_name(const TensorCache& index) {
  ByName found;
  for (const Shard& shard : index.shards)
    for (const Record& record : shard.records)
      found.emplace(record.name, &record);
  return found;
}

// The rows that the checkpoint must have had. Which axis they lie on depends on the packer, so it
// is found as the one that doubles with them.
std::int64_t rows_in(const ParamSpec& spec, const Quantization& q, const ByName& index) {
  std::int64_t hint = spec.shape[0];
  std::vector<std::int64_t> twice = spec.shape;
  if (__builtin_mul_overflow(hint, 2, &twice[0])) return hint;
  PlanRecord one = records_of(spec, spec.shape, q)[0];
  PlanRecord two = records_of(spec, twice, q)[0];
  auto found = index.find(one.name);
  if (found == index.end() || found->second->shape.size() != one.shape.size()) return hint;
  std::int64_t rows = hint;
  for (std::size_t axis = 0; axis < one.shape.size(); axis++) {
    std::int64_t there = found->second->shape[axis];
    // Rows are never packed into words, so that they stand there as they are.
    if (one.shape[axis] == hint && two.shape[axis] == twice[0])
      rows = std::max<std::int64_t>(there, 1);
    else if (there != one.shape[axis])
      return hint;  // it is another param
  }
  return rows;
}

bool same(const PlanRecord& expected, const Record& found) {
  return expected.shape == found.shape && expected.dtype == found.dtype;
}

std::string record_text(const std::vector<std::int64_t>& shape, DType dtype) {
  return fmt::format("[{}] {}", fmt::join(shape, ", "), name_of(dtype));
}

std::size_t record_count(const TensorCache& index) {
  std::size_t count = 0;
  for (const Shard& shard : index.shards)
    count += shard.records.size();
  return count;
}

// Where the config asks for far more records than there are, it is not one number that is wrong,
// and plans of 100,000 params, made again and again, would take minutes.
bool worth_a_search(const ExpectedRecords& expected, const TensorCache& index) {
  return expected.records.size() <= 4 * record_count(index) + 1024;
}

// A number of the model that a field of its config moves: how many records there are (no name), or
// one axis of one record.
struct Symptom {
  std::string name;
  std::size_t axis = 0;
  std::int64_t expected = 0;
  std::int64_t found = 0;
};

std::optional<Symptom> first_symptom(const ExpectedRecords& expected, const TensorCache& index) {
  std::size_t count = record_count(index);
  if (count != expected.records.size())
    return Symptom{"", 0, static_cast<std::int64_t>(expected.records.size()),
                   static_cast<std::int64_t>(count)};
  ByName found = by_name(index);
  for (const PlanRecord& record : expected.records) {
    auto it = found.find(record.name);
    if (it == found.end() || it->second->shape.size() != record.shape.size()) continue;
    for (std::size_t axis = 0; axis < record.shape.size(); axis++)
      if (it->second->shape[axis] != record.shape[axis])
        return Symptom{record.name, axis, record.shape[axis], it->second->shape[axis]};
  }
  return std::nullopt;
}

// The same number in another plan.
std::optional<std::int64_t> value_of(const Symptom& symptom, const ExpectedRecords& expected) {
  if (symptom.name.empty()) return static_cast<std::int64_t>(expected.records.size());
  for (const PlanRecord& record : expected.records)
    if (record.name == symptom.name && symptom.axis < record.shape.size())
      return record.shape[symptom.axis];
  return std::nullopt;
}

// Looks for the one number of model_config that is wrong. Counts and extents are straight lines in
// each field, so two points of the line give the value at which it meets what the index has;
// whether that explains everything is then seen from the whole plan.
class FieldSearch {
 public:
  static constexpr std::size_t kMostNumbers = 64;

  FieldSearch(const ChatConfig& config, const FolderIndex& index)
      : config_(config), index_(index.cache), fields_(*config.json.find("model_config")) {}

  struct Culprit {
    std::string field;
    std::int64_t found;
    std::int64_t fitting;
  };

  std::vector<Culprit> find(const ExpectedRecords& expected) {
    std::vector<Culprit> culprits;
    std::optional<Symptom> symptom = first_symptom(expected, index_);
    if (!symptom) return culprits;
    std::vector<Number> numbers;
    take_numbers(fields_, {}, numbers);
    for (const Number& number : numbers)
      if (std::optional<std::int64_t> fitting = fitting_value(number, *symptom))
        culprits.push_back(
            {fmt::format("{}", fmt::join(number.path, ".")), number.value, *fitting});
    return culprits;
  }

 private:
  // An integer of model_config, or of an object in it (text_config).
  struct Number {
    std::vector<std::string> path;
    std::int64_t value;
  };

  static void take_numbers(const Json& object, const std::vector<std::string>& path,
                           std::vector<Number>& out) {
    for (const Json::Member& member : object.members("model_config")) {
      std::vector<std::string> inner = path;
      inner.push_back(member.first);
      if (member.second.is_object() && path.empty()) take_numbers(member.second, inner, out);
      if (!member.second.is_int() || out.size() >= kMostNumbers) continue;
      double size = member.second.as_double(member.first);
      // Beyond it nothing is a count of anything, and twice the value must be a number.
      if (size >= 1 && size <= 0x1p40) out.push_back({inner, member.second.as_int(member.first)});
    }
  }

  static Json with_value(Json object, std::span<const std::string> path, std::int64_t value) {
    object.set(path[0], path.size() == 1
                            ? Json(value)
                            : with_value(*object.find(path[0]), path.subspan(1), value));
    return object;
  }

  std::optional<ExpectedRecords> with(const Number& number, std::int64_t value) const {
    try {
      Json fields = with_value(config_.model.source, number.path, value);
      ModelConfig model =
          read_model_config(std::move(fields), config_.path, config_.model.model_type());
      return expected_records(model, *config_.quantization, index_);
    } catch (const Error&) {
      return std::nullopt;  // no model has this value
    }
  }

  std::optional<std::int64_t> fitting_value(const Number& number, const Symptom& symptom) const {
    std::int64_t value = number.value;
    for (std::int64_t probe : {2 * value, value + 1, value / 2}) {
      if (probe < 1 || probe == value) continue;
      std::optional<ExpectedRecords> there = with(number, probe);
      std::optional<std::int64_t> moved = there ? value_of(symptom, *there) : std::nullopt;
      if (!moved || *moved == symptom.expected) continue;
      std::int64_t run = probe - value;
      std::int64_t rise = *moved - symptom.expected;
      std::int64_t wanted = 0;
      if (__builtin_mul_overflow(symptom.found - symptom.expected, run, &wanted)) continue;
      if (wanted % rise != 0) continue;
      std::int64_t candidate = value + wanted / rise;
      if (candidate < 1 || candidate == value) continue;
      std::optional<ExpectedRecords> right = with(number, candidate);
      if (right && fits(*right, index_)) return candidate;
    }
    return std::nullopt;
  }

  const ChatConfig& config_;
  const TensorCache& index_;
  const Json& fields_;
};

// What is wrong with each record by itself.
class RecordCheck {
 public:
  RecordCheck(const ExpectedRecords& expected, const TensorCache& index)
      : expected_(expected), found_(by_name(index)) {
    for (const PlanRecord& record : expected.records) {
      auto it = found_.find(record.name);
      if (it != found_.end() && same(record, *it->second))
        as_expected_++;
      else if (first_.empty())
        first_ = record.name;
    }
  }

  bool all() const {
    return as_expected_ == expected_.records.size() && as_expected_ == found_.size();
  }
  bool loadable() const { return as_expected_ == expected_.records.size(); }
  // Few of them agree: it is not a param that is wrong, but the model.
  bool mostly_other() const { return as_expected_ * 2 < expected_.records.size(); }

  std::string summary() const {
    return fmt::format("{} of {} records as expected, {} there; the first other is {}",
                       as_expected_, expected_.records.size(), found_.size(),
                       first_.empty() ? "one too many" : printable(first_));
  }

  void add_each(const std::string& index, Findings& findings) const {
    ByName extra = found_;
    for (const PlanRecord& record : expected_.records) {
      std::string where = fmt::format("{}: {}", index, record.name);
      std::string wanted = record_text(record.shape, record.dtype);
      auto it = found_.find(record.name);
      extra.erase(record.name);
      if (it == found_.end()) {
        findings.add(rule_of(ParamRule::kMissing), where, "", wanted);
        continue;
      }
      if (same(record, *it->second)) continue;
      findings.add(rule_of(rule_for(record, *it->second)), where,
                   record_text(it->second->shape, it->second->dtype), wanted);
    }
    for (const auto& [name, record] : extra)
      findings.add(rule_of(ParamRule::kExtra), fmt::format("{}: {}", index, name),
                   record_text(record->shape, record->dtype));
  }

 private:
  static ParamRule rule_for(const PlanRecord& expected, const Record& found) {
    if (expected.shape == found.shape) return ParamRule::kDtype;
    bool turned = std::equal(expected.shape.begin(), expected.shape.end(), found.shape.rbegin(),
                             found.shape.rend());
    return turned ? ParamRule::kLayout : ParamRule::kShape;
  }

  const ExpectedRecords& expected_;
  ByName found_;
  std::size_t as_expected_ = 0;
  std::string first_;
};

void name_culprit(const ChatConfig& config, const FolderIndex& index,
                  const ExpectedRecords& expected, const RecordCheck& check, Findings& findings) {
  std::vector<std::string> fit = fitting_quantizations(config.model, index.cache);
  if (!fit.empty()) {
    findings.add(rule_of(ParamRule::kQuantization), config.path + ": quantization",
                 std::string(config.quantization->name),
                 fmt::format("{}, as the params of {} are", fmt::join(fit, " or "), index.name));
    return;
  }
  std::vector<FieldSearch::Culprit> culprits;
  if (worth_a_search(expected, index.cache)) culprits = FieldSearch(config, index).find(expected);
  for (const FieldSearch::Culprit& culprit : culprits)
    findings.add(rule_of(ParamRule::kConfigField),
                 fmt::format("{}: model_config.{}", config.path, culprit.field),
                 fmt::format("{} ({})", culprit.found, check.summary()),
                 fmt::format("{}, with which all params fit", culprit.fitting));
  if (!culprits.empty()) return;
  if (check.mostly_other())
    findings.add(rule_of(ParamRule::kOtherModel), index.name, check.summary(),
                 fmt::format("the params of a {} model in {}", config.model.model_type(),
                             config.quantization->name));
  else
    check.add_each(index.name, findings);
}

std::int64_t check_vocab_rows(const ChatConfig& config, const FolderIndex& index,
                              const ExpectedRecords& expected, Findings& findings) {
  if (expected.symbolic_rows.empty()) return 0;
  auto [least, most] =
      std::minmax_element(expected.symbolic_rows.begin(), expected.symbolic_rows.end());
  const Json* vocab = config.json.find("vocab_size");
  std::int64_t size = vocab != nullptr && vocab->is_int() ? vocab->as_int("vocab_size") : 0;
  if (*least != *most)
    findings.add(rule_of(ParamRule::kVocabRows), index.name,
                 fmt::format("{} and {} rows", *least, *most), "the same number of rows");
  else if (*least < size)
    findings.add(rule_of(ParamRule::kVocabRows), index.name, fmt::format("{} rows", *least),
                 fmt::format("at least vocab_size, {}", size));
  return *least;
}

}  // namespace

ExpectedRecords expected_records(const ModelConfig& config, const Quantization& quantization,
                                 const TensorCache& index) {
  ExpectedRecords expected;
  ByName found = by_name(index);
  for (ParamSpec& spec : scheme_params(config, quantization)) {
    if (spec.symbolic_rows) {
      spec.shape[0] = rows_in(spec, quantization, found);
      expected.symbolic_rows.push_back(spec.shape[0]);
    }
    for (PlanRecord& record : records_of(spec, spec.shape, quantization))
      expected.records.push_back(std::move(record));
  }
  return expected;
}

bool fits(const ExpectedRecords& expected, const TensorCache& index) {
  return RecordCheck(expected, index).all();
}

std::vector<std::string> fitting_quantizations(const ModelConfig& config,
                                               const TensorCache& index) {
  std::vector<std::string> names;
  for (const Quantization& quantization : quantizations()) {
    try {
      ExpectedRecords expected = expected_records(config, quantization, index);
      if (!worth_a_search(expected, index)) break;
      if (fits(expected, index)) names.emplace_back(quantization.name);
    } catch (const Error&) {
      continue;  // it can't express this model
    }
  }
  return names;
}

RecordsOutcome check_records(const ChatConfig& config, const FolderIndex& index,
                             VerifyReport& report) {
  RecordsOutcome outcome;
  report.params->records = record_count(index.cache);
  if (config.quantization == nullptr) {
    outcome.loadable = false;
    return outcome;
  }
  try {
    ExpectedRecords expected = expected_records(config.model, *config.quantization, index.cache);
    report.params->expected = expected.records.size();
    outcome.vocab_rows = check_vocab_rows(config, index, expected, report.findings);
    RecordCheck check(expected, index.cache);
    outcome.loadable = check.loadable();
    if (!check.all()) name_culprit(config, index, expected, check, report.findings);
  } catch (const Error& error) {
    report.findings.add(rule_of(ParamRule::kConfigDamaged), config.path, error.what());
    outcome.loadable = false;
  }
  return outcome;
}

}  // namespace mlc
