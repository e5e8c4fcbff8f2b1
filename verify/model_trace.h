// Which step of the forward pass is wrong: two engines of one model walked side by side.
//
// Where logits differ, every step after the first wrong one differs too. So each step is run twice:
// once as it comes, and once with the reference's results put in the place of all earlier ones.
// What differs then is the step's own doing.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runtime-min/engine/engine.h"
#include "verify/model_tokens.h"
#include "verify/results.h"

namespace mlc {

// Opens an engine whose caches are empty.
using OpenEngine = std::function<std::unique_ptr<Engine>()>;

// The pieces of `sequence` (calls of sequence.rows tokens) up to and with number `last_piece` are
// read. Gives the steps, in order, of the first piece with a step whose own error is above `bound`,
// or of the last one. Both engines must be opened with the same options. Steps that only one of
// them has are left out (devices split what is large in different ways).
std::vector<LayerNumbers> compare_steps(const OpenEngine& reference, const OpenEngine& other,
                                        const TokenSequence& sequence, std::size_t last_piece,
                                        double bound);

// The first step that is wrong by itself: null if there is none.
const LayerNumbers* first_wrong(const std::vector<LayerNumbers>& steps, double bound);

// The same for the first piece, on engines that are open and have read nothing yet; they are reset
// afterwards.
std::vector<LayerNumbers> compare_first_piece(Engine& reference, Engine& other,
                                              const TokenSequence& sequence);

// The first step that is further from the source's than quantization takes it: null if there is
// none. `steps` are a model's against its source. Steps without matrices differ by roundings alone,
// whatever the quantization; `weights_too`: those with matrices are looked at as well.
const LayerNumbers* first_beyond_quantization(const std::vector<LayerNumbers>& steps,
                                              bool weights_too);

// The part of a sequence that is read in one call.
std::vector<RowInput> piece_of(const TokenSequence& sequence, std::size_t piece);
std::size_t pieces_of(const TokenSequence& sequence);

}  // namespace mlc
