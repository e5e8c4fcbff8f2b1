#include "verify/model_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/parallel.h"
#include "verify/model_trace.h"

namespace mlc {
namespace {

std::optional<std::uint32_t> token_after(const TokenSequence& sequence, std::size_t position) {
  std::int64_t token = sequence.follows[position];
  if (token < 0) return std::nullopt;
  return static_cast<std::uint32_t>(token);
}

// The logits are the engine's until its next call.
std::span<const float> forward(Engine* engine, const std::vector<RowInput>& rows) {
  if (engine == nullptr) return {};
  std::vector<std::uint32_t> wanted(rows.size());
  std::iota(wanted.begin(), wanted.end(), 0U);
  return engine->forward(rows, wanted);
}

// Each position against `against`, which is empty where there is nothing to compare with.
std::vector<PositionNumbers> compare(std::span<const float> against, std::span<const float> device,
                                     const TokenSequence& sequence, std::size_t first,
                                     std::size_t rows, unsigned threads) {
  std::vector<PositionNumbers> numbers(against.empty() ? 0 : rows);
  std::size_t vocab = device.size() / rows;
  parallel_for(threads, numbers.size(), [&](std::size_t i, unsigned) {
    numbers[i] = compare_logits(against.subspan(i * vocab, vocab), device.subspan(i * vocab, vocab),
                                token_after(sequence, first + i));
  });
  return numbers;
}

// Whether the source has half of the doubt, at most, of one that knows nothing.
bool is_known(const std::vector<PositionNumbers>& numbers) {
  double nll = 0;
  double nothing = 0;
  for (const PositionNumbers& position : numbers) {
    if (!position.scored) continue;
    nll += position.reference_nll;
    nothing += std::log(static_cast<double>(position.logits));
  }
  return nothing > 0 && nll < nothing / 2;
}

double error_of(const PositionNumbers& numbers) {
  return numbers.nonfinite ? std::numeric_limits<double>::infinity() : numbers.max_logit_error;
}

}  // namespace

void run_sequences(const RunEngines& engines, const std::vector<TokenSequence>& sequences,
                   std::size_t compared, unsigned threads, RunSums& sums, Reporter& reporter) {
  std::uint64_t tokens = 0;
  for (const TokenSequence& sequence : sequences)
    tokens += sequence.inputs.size();
  const std::uint64_t bytes = engines.device->info().weight_bytes;
  reporter.begin("model", tokens * bytes);
  for (std::size_t s = 0; s < sequences.size(); s++) {
    const TokenSequence& sequence = sequences[s];
    Engine* reference = s < compared ? engines.reference : nullptr;
    Engine* source = sequence.is_language ? engines.source : nullptr;
    for (Engine* engine : {engines.device, reference, source})
      if (engine != nullptr) engine->reset(0);
    std::vector<PositionNumbers> beside_source;
    for (std::size_t piece = 0; piece < pieces_of(sequence); piece++) {
      throw_if_cancelled();
      std::vector<RowInput> rows = piece_of(sequence, piece);
      std::size_t first = piece * sequence.rows;
      std::span<const float> device = forward(engines.device, rows);
      for (const PositionNumbers& numbers :
           compare(forward(reference, rows), device, sequence, first, rows.size(), threads)) {
        sums.device.add(numbers);
        if (error_of(numbers) > sums.worst.error) sums.worst = {s, piece, error_of(numbers)};
      }
      std::vector<PositionNumbers> more =
          compare(forward(source, rows), device, sequence, first, rows.size(), threads);
      beside_source.insert(beside_source.end(), more.begin(), more.end());
      reporter.advance(rows.size() * bytes);
    }
    bool known = sequence.is_text || is_known(beside_source);
    for (const PositionNumbers& numbers : beside_source)
      (known ? sums.quantization : sums.strange).add(numbers);
  }
  reporter.end();
}

}  // namespace mlc
