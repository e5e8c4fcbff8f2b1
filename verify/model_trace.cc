#include "verify/model_trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include "base/parallel.h"

namespace mlc {
namespace {

// What is in a cache of halves is rounded to 11 bits; devices may round a value that lies between
// two to either.
constexpr double kHalfRounding = 1.0 / 1024;

// The result of a label, which may have taken several dispatches (only the last one is complete),
// and may occur more than once in a pass (the parts of a clip).
using Key = std::pair<std::string, std::size_t>;

using Written = std::vector<std::vector<float>>;

class Walk {
 public:
  // Counts how often a label came before.
  Key key_of(const TraceStep& step) {
    std::string name = step.label + " " + std::string(info_of(step.kernel).name);
    return {name, seen_[name]++};
  }

 private:
  std::map<std::string, std::size_t> seen_;
};

// The largest difference as a share of the reference's largest value.
struct Difference {
  double relative = 0;
  bool nonfinite = false;
  bool reference_nonfinite = false;
};

Difference difference_of(const Written& reference, const Written& other) {
  Difference result;
  for (std::size_t w = 0; w < reference.size(); w++) {
    double largest = 0;
    double error = 0;
    for (std::size_t i = 0; i < reference[w].size(); i++) {
      double a = double{reference[w][i]};
      double b = double{other[w][i]};
      if (!std::isfinite(a)) {
        result.reference_nonfinite = true;
        continue;
      }
      if (!std::isfinite(b)) {
        result.nonfinite = true;
        continue;
      }
      largest = std::max(largest, std::abs(a));
      error = std::max(error, std::abs(a - b));
    }
    // Anything where there should be nothing is wholly wrong.
    double relative = largest > 0 ? error / largest : (error > 0 ? 1 : 0);
    result.relative = std::max(result.relative, relative);
  }
  if (result.nonfinite) result.relative = std::max(result.relative, 1.0);
  return result;
}

bool fits(const Written& written, const TraceStep& step) {
  if (written.size() != step.written.size()) return false;
  for (std::size_t w = 0; w < written.size(); w++)
    if (written[w].size() != step.written[w].size()) return false;
  return true;
}

bool has_weights(const LayerNumbers& step) {
  return step.kernel == "matmul" || step.kernel == "moe_matmul" || step.kernel == "embed";
}

double own_bound(const LayerNumbers& step, double bound) {
  return step.kernel == "kv_store" ? std::max(bound, kHalfRounding) : bound;
}

std::vector<std::uint32_t> all_of(const std::vector<RowInput>& rows) {
  std::vector<std::uint32_t> wanted(rows.size());
  std::iota(wanted.begin(), wanted.end(), 0U);
  return wanted;
}

using Results = std::map<Key, Written>;

Results results_of(Engine& engine, const std::vector<RowInput>& rows) {
  Results results;
  Walk walk;
  engine.set_trace([&](TraceStep& step) {
    if (step.last) results[walk.key_of(step)] = std::move(step.written);
    return false;
  });
  engine.forward(rows, all_of(rows));
  engine.set_trace({});
  return results;
}

// `each(step, reference's result)` for what both have; it says whether the engine is to go on with
// what is then in the step.
template <class Each>
void walk_beside(const Results& results, Engine& engine, const std::vector<RowInput>& rows,
                 Each each) {
  Walk walk;
  engine.set_trace([&](TraceStep& step) {
    throw_if_cancelled();
    if (!step.last) return false;
    auto found = results.find(walk.key_of(step));
    return found != results.end() && fits(found->second, step) && each(step, found->second);
  });
  engine.forward(rows, all_of(rows));
  engine.set_trace({});
}

std::vector<LayerNumbers> own_errors(Engine& model, Engine& device,
                                     const std::vector<RowInput>& rows) {
  std::vector<LayerNumbers> steps;
  Results results = results_of(model, rows);
  walk_beside(results, device, rows, [&](TraceStep& step, const Written& reference) {
    Difference difference = difference_of(reference, step.written);
    steps.push_back({.label = step.label,
                     .kernel = std::string(info_of(step.kernel).name),
                     .variant = step.variant,
                     .relative_error = 0,
                     .own_error = difference.relative,
                     .nonfinite = difference.nonfinite,
                     .reference_nonfinite = difference.reference_nonfinite});
    step.written = reference;
    return true;
  });
  return steps;
}

// The steps come as own_errors() found them.
void add_carried_errors(Engine& model, Engine& device, const std::vector<RowInput>& rows,
                        std::vector<LayerNumbers>& steps) {
  Results results = results_of(model, rows);
  std::size_t next = 0;
  walk_beside(results, device, rows, [&](const TraceStep& step, const Written& reference) {
    steps.at(next++).relative_error = difference_of(reference, step.written).relative;
    return false;
  });
}

}  // namespace

std::size_t pieces_of(const TokenSequence& sequence) {
  return (sequence.inputs.size() + sequence.rows - 1) / sequence.rows;
}

std::vector<RowInput> piece_of(const TokenSequence& sequence, std::size_t piece) {
  std::vector<RowInput> rows;
  std::size_t begin = piece * sequence.rows;
  std::size_t end = std::min(begin + sequence.rows, sequence.inputs.size());
  for (std::size_t i = begin; i < end; i++)
    rows.push_back({.slot = 0, .token = sequence.inputs[i]});
  return rows;
}

const LayerNumbers* first_wrong(const std::vector<LayerNumbers>& steps, double bound) {
  for (const LayerNumbers& step : steps)
    if (step.nonfinite || !(step.own_error <= own_bound(step, bound))) return &step;
  return nullptr;
}

const LayerNumbers* first_beyond_quantization(const std::vector<LayerNumbers>& steps,
                                              bool weights_too) {
  // Steps without matrices differ by the rounding of norms, caches and decays to 11 or 8 bits.
  // Three bits a weight move a product by a tenth or two of the largest value; another matrix moves
  // it wholly.
  constexpr double kRounding = 5e-2;
  constexpr double kQuantization = 0.4;
  for (const LayerNumbers& step : steps) {
    if (has_weights(step) && !weights_too) continue;
    if (step.nonfinite || step.own_error > (has_weights(step) ? kQuantization : kRounding))
      return &step;
  }
  return nullptr;
}

std::vector<LayerNumbers> compare_first_piece(Engine& reference, Engine& other,
                                              const TokenSequence& sequence) {
  std::vector<LayerNumbers> steps = own_errors(reference, other, piece_of(sequence, 0));
  reference.reset(0);
  other.reset(0);
  add_carried_errors(reference, other, piece_of(sequence, 0), steps);
  reference.reset(0);
  other.reset(0);
  return steps;
}

std::vector<LayerNumbers> compare_steps(const OpenEngine& reference, const OpenEngine& other,
                                        const TokenSequence& sequence, std::size_t last_piece,
                                        double bound) {
  std::unique_ptr<Engine> model = reference();
  std::unique_ptr<Engine> device = other();
  std::vector<LayerNumbers> steps;
  std::size_t piece = 0;
  for (;; piece++) {
    steps = own_errors(*model, *device, piece_of(sequence, piece));
    if (piece == last_piece || first_wrong(steps, bound) != nullptr) break;
  }
  // Again from the beginning, the device with its own results.
  model->reset(0);
  device->reset(0);
  for (std::size_t earlier = 0; earlier < piece; earlier++) {
    std::vector<RowInput> rows = piece_of(sequence, earlier);
    model->forward(rows, {});
    device->forward(rows, {});
  }
  add_carried_errors(*model, *device, piece_of(sequence, piece), steps);
  return steps;
}

}  // namespace mlc
