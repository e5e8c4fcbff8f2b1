#include "verify/recompute.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "convert/source_rows.h"

namespace mlc {
namespace {

// Elements of a param that are tried with every recipe. Rules differ in one of some hundred
// elements, so that these tell them apart.
constexpr std::int64_t kSample = 8192;

std::uint64_t bits_of(const std::byte* data, std::size_t size) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, data, size);  // little-endian, as shards are
  return bits;
}

// Nothing is written, and everything is wanted.
class NoSink : public Sink {
 public:
  bool is_done(std::size_t) const override { return false; }
  bool write(std::size_t, std::uint64_t, std::span<const std::byte>) override { return false; }
  bool write_runs(std::size_t, std::uint64_t, std::uint64_t, std::span<const std::byte>,
                  std::size_t) override {
    return false;
  }
};

bool is_tried(const PlanStep& step) { return step.quantized && !SourceRows::is_turned(step); }

}  // namespace

std::string Recipe::name() const {
  return fmt::format("{} {}{}", rule->name, method->name, keep_lattices ? "" : ", lattice off");
}

void Differences::append(const Differences& next) {
  words += next.words;
  scales += next.scales;
  if (!first) first = next.first;
}

// What a unit would write, compared with what the folder has there.
class Recomputation::Comparison : public Sink {
 public:
  explicit Comparison(const Recomputation& all) : all_(all) {}

  bool is_done(std::size_t) const override { return false; }

  bool write(std::size_t shard, std::uint64_t offset, std::span<const std::byte> data) override {
    const Entry* entry = all_.entry_of(shard, offset);
    if (entry != nullptr) compare(*entry, offset - entry->offset, data);
    return false;
  }

  bool write_runs(std::size_t shard, std::uint64_t offset, std::uint64_t stride,
                  std::span<const std::byte> data, std::size_t run) override {
    const Entry* entry = all_.entry_of(shard, offset);
    if (entry == nullptr) return false;
    for (std::size_t at = 0; at < data.size(); at += run, offset += stride)
      compare(*entry, offset - entry->offset, data.subspan(at, run));
    return false;
  }

  Differences take() { return std::exchange(differences_, {}); }

 private:
  void compare(const Entry& entry, std::uint64_t at, std::span<const std::byte> expected) {
    if (entry.filled_later) return;
    const SourceTensor& t = all_.folder_.stored().tensors[entry.stored];
    std::span<std::byte> found(at_least(found_, expected.size()), expected.size());
    all_.folder_.stored().files[t.file].file->read(t.offset + at, found);
    if (std::memcmp(found.data(), expected.data(), found.size()) == 0) return;
    std::size_t size = size_of(t.dtype);
    for (std::size_t i = 0; i < found.size(); i += size) {
      std::uint64_t here = bits_of(found.data() + i, size);
      std::uint64_t wanted = bits_of(expected.data() + i, size);
      if (here == wanted) continue;
      (entry.ordinal == 0 ? differences_.words : differences_.scales)++;
      if (!differences_.first) differences_.first = {entry.record, (at + i) / size, here, wanted};
    }
  }

  const Recomputation& all_;
  Differences differences_;
  std::vector<std::byte> found_;
};

struct RecipeRunner::One {
  One(const Recomputation& all, const Recipe& recipe)
      : sink(all),
        options(all.limits_),
        scales(whole_scales(all.largest_, *recipe.rule)),
        runner(all.plan_, all.checkpoint_, options, sink, scales,
               recipe.keep_lattices ? all.lattices_ : all.no_lattices_) {
    options.rule = recipe.rule;
    options.quantizer = recipe.method->quantize;
    options.keep_lattices = recipe.keep_lattices;
  }
  Recomputation::Comparison sink;
  ExecuteOptions options;
  std::vector<float> scales;
  UnitRunner runner;
};

RecipeRunner::RecipeRunner(const Recomputation& recomputation, const std::vector<Recipe>& recipes)
    : plan_(recomputation.plan_) {
  for (const Recipe& recipe : recipes)
    runners_.push_back(std::make_unique<One>(recomputation, recipe));
}

RecipeRunner::~RecipeRunner() = default;

std::vector<Differences> RecipeRunner::run(const WorkUnit& unit) {
  bool quantized = plan_.steps[unit.step].quantized;
  std::vector<Differences> all;
  for (const auto& one : runners_) {
    if (!quantized && !all.empty()) {
      all.push_back(all[0]);
      continue;
    }
    one->runner.run(unit);
    all.push_back(one->sink.take());
  }
  return all;
}

Recomputation::Recomputation(const Plan& plan, const Checkpoint& checkpoint,
                             const ParamFolder& folder, const std::vector<WorkUnit>& units,
                             const ExecuteOptions& limits, Reporter& reporter)
    : plan_(plan),
      checkpoint_(checkpoint),
      folder_(folder),
      units_(units),
      limits_(limits),
      lattices_(plan),
      no_lattices_(plan) {
  for (const PlanStep& step : plan.steps)
    for (std::size_t r = 0; r < step.records.size(); r++) {
      const PlanRecord& record = step.records[r];
      const SourceTensor* found = folder.stored().find(record.name);
      if (found == nullptr || found->shape != record.shape || found->nbytes != record.nbytes)
        continue;
      entries_.push_back({record.shard, record.offset, &record, r,
                          static_cast<std::size_t>(found - folder.stored().tensors.data()),
                          record.name.ends_with(".q_calibration_scale")});
    }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.shard != b.shard ? a.shard < b.shard : a.offset < b.offset;
  });
  // These passes quantize nothing; the rule of a row of the table does for their options.
  limits_.rule = &numeric_rules().back();
  limits_.quantizer = methods()[0].quantize;
  NoSink sink;
  MemoryGate gate(limits_.max_memory);
  SourceScan scan{plan, checkpoint, limits_, sink, gate};
  find_lattices(scan, units, lattices_, reporter);
  StageTimes ignored;
  largest_ = find_largest_values(scan, units, ignored, reporter);
}

const Recomputation::Entry* Recomputation::entry_of(std::size_t shard, std::uint64_t offset) const {
  auto after = std::upper_bound(entries_.begin(), entries_.end(), std::pair(shard, offset),
                                [](const auto& place, const Entry& e) {
                                  return place.first != e.shard ? place.first < e.shard
                                                                : place.second < e.offset;
                                });
  if (after == entries_.begin()) return nullptr;
  const Entry& entry = *std::prev(after);
  bool inside = entry.shard == shard && offset - entry.offset < entry.record->nbytes;
  return inside ? &entry : nullptr;
}

bool Recomputation::has_records(const PlanStep& step) const {
  return std::all_of(step.records.begin(), step.records.end(), [&](const PlanRecord& r) {
    const Entry* entry = entry_of(r.shard, r.offset);
    return r.nbytes == 0 || (entry != nullptr && entry->record == &r);
  });
}

std::vector<Recipe> Recomputation::all_recipes(const std::optional<Recipe>& asked) const {
  std::vector<Recipe> all;
  if (asked) all.push_back(*asked);
  QuantKind kind = plan_.quantization->kind;
  bool groups = kind == QuantKind::kGroup || kind == QuantKind::kFt;
  bool quantizes = groups || kind == QuantKind::kPerTensor;
  bool lattices = groups && (lattices_.count() > 0 || checkpoint_.was_quantized);
  for (bool keep : {true, false}) {
    if (!keep && !lattices) break;
    for (const Method& method : methods()) {
      for (std::size_t r = numeric_rules().size(); r-- > 0;) {
        Recipe recipe{&numeric_rules()[r], &method, keep};
        bool same = asked && asked->rule == recipe.rule && asked->method == recipe.method &&
                    asked->keep_lattices == keep;
        if (!same) all.push_back(recipe);
        if (!quantizes) return {all[0]};
      }
      if (!groups) break;
    }
  }
  return all;
}

Recomputation::Choice Recomputation::choose(const std::optional<Recipe>& asked) {
  std::vector<Recipe> all = all_recipes(asked);
  std::vector<WorkUnit> samples;
  for (const WorkUnit& unit : units_) {
    const PlanStep& step = plan_.steps[unit.step];
    bool next = samples.empty() || samples.back().step != unit.step;
    if (!next || !is_tried(step) || !has_records(step)) continue;
    std::int64_t band = std::max<std::int64_t>(1, step.band_rows);
    std::int64_t rows = kSample / std::max<std::int64_t>(1, step.transform.cols) / band * band;
    samples.push_back(unit);
    samples.back().rows = std::min(unit.rows, std::max(band, rows));
  }
  if (samples.empty() || all.size() == 1) return {{all[0]}, true};
  std::vector<std::vector<bool>> equal(samples.size());
  std::atomic<std::size_t> next = 0;
  parallel_for(limits_.threads, limits_.threads, [&](std::size_t, unsigned) {
    RecipeRunner runner(*this, all);
    for (std::size_t i = next.fetch_add(1); i < samples.size(); i = next.fetch_add(1)) {
      throw_if_cancelled();
      for (const Differences& differences : runner.run(samples[i]))
        equal[i].push_back(differences.none());
    }
  });
  std::vector<std::size_t> scores(all.size());
  for (const std::vector<bool>& sample : equal)
    for (std::size_t r = 0; r < all.size(); r++)
      scores[r] += sample[r] ? 1u : 0u;
  std::size_t best = *std::max_element(scores.begin(), scores.end());
  Choice choice;
  choice.fits = best > 0 && best * 4 >= samples.size();
  for (std::size_t r = 0; r < all.size(); r++)
    if ((asked && r == 0) || (choice.fits && scores[r] == best)) choice.recipes.push_back(all[r]);
  // What is not quantized is compared all the same.
  if (choice.recipes.empty()) choice.recipes.push_back(all[0]);
  return choice;
}

}  // namespace mlc
