// The numbers of verify's model level over standard input and output, for verify_model_check.py.
//
// usage: divergence_cli POSITIONS VOCAB SHARE
//   stdin: the reference's logits, the other run's (float32 [positions, vocab]), then the tokens
//   that follow (int32, -1: not known); stdout: one line NAME VALUE for each number.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "verify/divergence.h"

namespace {

template <class T>
std::vector<T> read_values(std::size_t count) {
  std::vector<T> values(count);
  if (std::fread(values.data(), sizeof(T), count, stdin) != count) {
    std::fprintf(stderr, "divergence_cli: standard input is too short\n");
    std::exit(2);
  }
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::size_t positions = std::strtoull(argv[1], nullptr, 10);
  std::size_t vocab = std::strtoull(argv[2], nullptr, 10);
  std::vector<float> reference = read_values<float>(positions * vocab);
  std::vector<float> other = read_values<float>(positions * vocab);
  std::vector<std::int32_t> next = read_values<std::int32_t>(positions);
  mlc::DivergenceSums sums;
  for (std::size_t p = 0; p < positions; p++) {
    std::optional<std::uint32_t> token;
    if (next[p] >= 0) token = static_cast<std::uint32_t>(next[p]);
    sums.add(mlc::compare_logits(std::span(reference).subspan(p * vocab, vocab),
                                 std::span(other).subspan(p * vocab, vocab), token));
  }
  mlc::Divergence d = sums.result(std::strtod(argv[3], nullptr));
  auto print = [](const char* name, double value) { std::printf("%s %.17g\n", name, value); };
  print("positions", static_cast<double>(d.positions));
  print("nonfinite_positions", static_cast<double>(d.nonfinite_positions));
  print("max_logit_error", d.max_logit_error);
  print("mean_logit_error", d.mean_logit_error);
  print("logit_range", d.logit_range);
  print("kl_mean", d.kl_mean);
  print("kl_99", d.kl_99);
  print("kl_max", d.kl_max);
  print("top1", d.top1);
  print("unexplained_top1", static_cast<double>(d.unexplained_top1));
  print("perplexity_positions", static_cast<double>(d.perplexity_positions));
  print("perplexity_reference", d.perplexity_reference);
  print("perplexity", d.perplexity);
  print("perplexity_ratio", d.perplexity_ratio);
  print("perplexity_ratio_error", d.perplexity_ratio_error);
  return 0;
}
