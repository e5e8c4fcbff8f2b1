// mlc-verify-reference.json: what a model computed where it was known to be right, so that a device
// can check itself against it without the source. docs/formats.md, "Reference vectors".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

inline constexpr std::string_view kReferenceName = "mlc-verify-reference.json";
inline constexpr std::uint64_t kReferenceSchema = 1;

struct ReferenceFile {
  std::string name;  // in the model folder
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 lower-case hex digits
};

struct ReferenceTop {
  std::uint32_t token = 0;
  float logit = 0;
};

struct ReferencePosition {
  std::uint32_t position = 0;  // in the prompt, from 0
  float least = 0;             // of all logits
  float greatest = 0;
  std::vector<ReferenceTop> top = {};  // the largest, in descending order; of equal ones by token
};

struct ReferencePrompt {
  std::vector<std::uint32_t> tokens;
  std::vector<ReferencePosition> positions;  // ascending
};

// A few numbers of many values, which rounding changes little and a mistake much.
struct Checksum {
  static constexpr std::size_t kProjections = 3;
  std::uint64_t elements = 0;
  double rms = 0;
  std::array<double, kProjections> projections = {};

  bool finite() const;
};
// Projection j is sum s(j, i) x[i] / sqrt(n), with s(j, i) from a fixed generator, evenly spread
// between -sqrt 3 and sqrt 3, so that it has the size of the rms. Sums in float64, in order.
Checksum checksum_of(const float* values, std::size_t count);
// The largest difference of rms and projections, as a share of the expected rms; infinite where one
// is not finite or the counts differ.
double checksum_error(const Checksum& expected, const Checksum& found);

// What a part of the forward pass leaves behind: "layer 3", "embed", "lm_head".
struct ReferenceLayer {
  std::string label;
  Checksum sum;
  double tolerance = 0;  // the largest checksum_error() that rounding explains
};

struct Reference {
  std::string version;  // of mlc that wrote it
  std::string device;   // "cpu-reference"
  std::string model_type;
  std::string quantization;
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;
  std::uint32_t vocab = 0;
  std::vector<ReferenceFile> files;  // ordered by name
  std::vector<ReferencePrompt> prompts;
  std::vector<ReferenceLayer> parts;  // of prompt 0, its first row left out, in order

  // sha256 over the lines "sha256  bytes  name\n" of the files.
  std::string model_hash() const;
};

std::string write_reference(const Reference& reference);

// Strict: everything is there and nothing else, all numbers are possible and fit each other, and
// the model's hash is that of its files. Error(kBadInput) names `where`; Error(kUnsupported): a
// later mlc wrote it, in another schema.
Reference parse_reference(std::string_view text, const std::string& where);

}  // namespace mlc
