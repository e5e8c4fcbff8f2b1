// The numbers of each level of `mlc verify`: what the reports show. A level that did not run leaves
// its result empty. Nothing here depends on the number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlc {

struct PackageResult {
  std::string digest;  // of the model's manifest
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;  // hashed
};

struct SignatureResult {
  std::uint64_t files = 0;  // that it names
  std::string hint;         // of the key; empty: a certificate
};

struct FilesResult {
  std::uint64_t files = 0;  // looked at, shards included
  std::uint64_t shards = 0;
  std::uint64_t bytes = 0;  // hashed
  double seconds = 0;
};

struct ParamsResult {
  std::string model_type;
  std::string quantization;
  std::uint64_t records = 0;   // in the index
  std::uint64_t expected = 0;  // by the plan recomputed from the config
  std::string conv_template;
  std::int64_t vocab_size = 0;      // of the config
  std::int64_t tokenizer_size = 0;  // ids that the tokenizer can give; 0: no tokenizer
};

// One param (a quantized one: codes and scales together), as its model's runtime computes it.
struct ParamNumbers {
  std::string name;  // without _weight/_scale of the scheme: "model.layers.0.mlp.down_proj.weight"
  std::int64_t layer = -1;  // -1: none
  std::string kind;         // the name without the layer's number: compared over layers
  std::vector<std::int64_t> shape;
  bool quantized = false;
  std::uint64_t elements = 0;
  // What the folder alone tells.
  std::uint64_t nan = 0;
  std::uint64_t inf = 0;
  std::uint64_t groups = 0;
  std::uint64_t zero_groups = 0;          // scale 0, or every code 0's value
  std::uint64_t clipped_groups = 0;       // with a code at the far end that the rule does not use
  std::vector<std::uint64_t> codes = {};  // histogram, one entry per code value
  double rms = 0;                         // of the finite elements
  double max_abs = 0;
  // Against the source; compared is false without one.
  bool compared = false;
  double relative_mse = 0;  // sum (w - q)^2 / sum w^2
  double snr_db = 0;        // -10 log10 of it; infinite when equal
  double cosine = 1;
  double max_error = 0;                         // |w - q|
  std::vector<std::int64_t> max_error_at = {};  // index
  double max_error_source = 0;                  // w there
  double max_error_value = 0;                   // q there
  // With --recompute.
  bool recomputed = false;
  std::uint64_t different_words = 0;  // of codes
  std::uint64_t different_scales = 0;
};

struct WeightsResult {
  std::vector<ParamNumbers> params;  // in the order of the index
  bool compared = false;
  // Over all quantized params.
  double relative_mse = 0;
  double snr_db = 0;
  std::vector<std::uint64_t> codes;
  std::string rule;         // --recompute: the one asked for
  std::string fitting;      // and the ones that give the same bits: "mlc-2026 rtn"; empty: none
  std::uint64_t bytes = 0;  // read, both sides
  double seconds = 0;
};

// One kernel in one version on one device.
struct KernelNumbers {
  std::string kernel;   // "matmul"
  std::string variant;  // "matmul_rows8"
  std::uint64_t cases = 0;
  std::uint64_t wrong_cases = 0;
  double worst = 0;         // largest error as a share of its bound; above 1 is wrong
  std::string worst_case;   // its name
  std::string first_wrong;  // case, element, expected and got
  // Of the model's own shapes where the level has a model, else of a shape of 4096.
  std::uint64_t nanoseconds = 0;
  std::uint64_t bytes = 0;  // that it has to read and write
};

struct KernelsResult {
  std::string device;  // "vulkan:0"
  std::string device_name;
  std::string driver;
  double copy_bytes_per_second = 0;
  std::vector<KernelNumbers> kernels;
  double seconds = 0;
  std::string bundle;  // whose kernels ran; empty: the program's own
};

// How far the logits of one run are from those of another, over positions.
struct Divergence {
  std::uint64_t positions = 0;
  // Where a logit of either is NaN or infinite; they are in none of the other numbers.
  std::uint64_t nonfinite_positions = 0;
  double max_logit_error = 0;   // |a - b|
  double mean_logit_error = 0;  // over all logits of all positions
  double logit_range = 0;  // of the reference: largest minus smallest, the largest over positions
  double kl_mean = 0;      // KL(reference || other) in nats
  double kl_99 = 0;        // 99th percentile over positions
  double kl_max = 0;
  double top1 = 0;  // share of positions with the same largest logit
  // Positions with another largest logit although the reference's margin exceeds twice the bound on
  // the logits' error.
  std::uint64_t unexplained_top1 = 0;
  // Of texts with known continuations (perplexity_positions of the positions); 0 without.
  std::uint64_t perplexity_positions = 0;
  double perplexity_reference = 0;
  double perplexity = 0;
  double perplexity_ratio = 0;        // exp of the mean difference of log-likelihoods
  double perplexity_ratio_error = 0;  // its standard error
  // KL over positions, averaged into at most 256 points in order, for the chart.
  std::vector<double> kl_curve = {};
};

// What one step of the forward pass gives, device against reference, when a bound was exceeded.
// Errors are the largest difference as a share of the reference's largest value.
struct LayerNumbers {
  std::string label;                 // "layer 3 mlp.down_proj"
  std::string kernel;                // "matmul"
  std::string variant;               // of the device: "matmul_rows8"
  double relative_error = 0;         // with all that earlier steps had wrong
  double own_error = 0;              // given what the reference computed before
  bool nonfinite = false;            // NaN or infinity where the reference has none
  bool reference_nonfinite = false;  // the reference has some, too: no kernel is to blame
};

struct ModelResult {
  std::string device;     // what was checked
  std::string reference;  // what it was checked against: "cpu-reference", "cpu"
  std::string text;       // what was read: "4 prompts", "held_out.txt, 2,048 tokens"
  Divergence device_error;
  std::optional<Divergence> quantization_error;  // with a source
  std::vector<LayerNumbers> layers;              // in order; only when a bound was exceeded
  std::vector<LayerNumbers> source_layers;       // likewise, the model against its source
  double seconds = 0;
};

// What a part of the forward pass left behind, against what it did where the reference was written.
struct ReferencePartNumbers {
  std::string label;     // "layer 3", "embedding", "lm_head"
  double error = 0;      // of checksums, as a share of the values' rms; infinite: not comparable
  double tolerance = 0;  // what rounding explains
};

struct ReferenceResult {
  std::string path;
  std::string device;
  std::string device_name;
  std::string written_by;  // "cpu-reference, mlc 0.1.0"
  std::uint64_t prompts = 0;
  std::uint64_t positions = 0;
  std::uint64_t wrong_positions = 0;
  double max_logit_error = 0;
  double max_logit_share = 0;  // of the logits' range; infinite where a logit is no number
  std::uint64_t layers = 0;    // parts that were compared
  std::vector<ReferencePartNumbers> parts = {};
  std::string first_wrong;  // label; empty: none
  double seconds = 0;
};

}  // namespace mlc
