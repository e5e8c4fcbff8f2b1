// The model level's main loop: several engines read the same sequences, and their logits are
// compared position by position.
#pragma once

#include <cstddef>
#include <vector>

#include "base/reporter.h"
#include "runtime-min/engine/engine.h"
#include "verify/divergence.h"
#include "verify/model_tokens.h"

namespace mlc {

// Device, reference, source; all but the first may be null. Slot 0 of each is used.
struct RunEngines {
  Engine* device = nullptr;
  Engine* reference = nullptr;
  Engine* source = nullptr;
};

// A call of the engine with what was furthest from the reference: NaN before any number.
struct WorstPiece {
  std::size_t sequence = 0;
  std::size_t piece = 0;
  double error = -1;  // of a logit; infinite: NaN
};

struct RunSums {
  DivergenceSums device;  // from the reference
  // From the source: over the text, or the prompts that the source knows how to go on with; what is
  // strange to it stands apart, for there quantization moves what was a guess.
  DivergenceSums quantization;
  DivergenceSums strange;
  WorstPiece worst;
};

// `compared`: so many sequences, the first ones, are given to the reference. Error(kUnsupported) is
// the device's ("device lost"); progress is in bytes of weights that a token has to meet.
void run_sequences(const RunEngines& engines, const std::vector<TokenSequence>& sequences,
                   std::size_t compared, unsigned threads, RunSums& sums, Reporter& reporter);

}  // namespace mlc
