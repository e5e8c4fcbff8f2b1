// Forward passes as plain loops in float64, for comparison with the engine: the parts that they
// are made of. Nothing here comes from the engine or the tables of models/.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <numbers>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/half.h"

namespace mlc::plain {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

struct Tensor {
  std::vector<std::size_t> shape;
  std::vector<double> values;
};

// A checkpoint that comes into being as a forward pass asks for its tensors: random values that
// bfloat16 holds exactly, the same for the same name.
class Checkpoint {
 public:
  // Rows of random numbers that keep what they multiply at its size.
  const Tensor& matrix(const std::string& name, std::size_t rows, std::size_t cols) {
    return tensor(name, {rows, cols}, 0, 1 / std::sqrt(static_cast<double>(cols)));
  }
  const Tensor& norm(const std::string& name, std::size_t size) {
    return tensor(name, {size}, 1, 0.2);
  }
  const Tensor& bias(const std::string& name, std::size_t size) {
    return tensor(name, {size}, 0, 0.2);
  }
  const Tensor& tensor(const std::string& name, std::vector<std::size_t> shape, double center,
                       double spread) {
    Tensor& tensor = tensors_[name];
    if (!tensor.shape.empty()) {
      if (tensor.shape != shape) throw std::logic_error(name + " is used in two shapes");
      return tensor;
    }
    std::seed_seq seed(name.begin(), name.end());
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(center, spread);
    std::size_t count = 1;
    for (std::size_t side : shape)
      count *= side;
    tensor.shape = std::move(shape);
    for (std::size_t i = 0; i < count; i++)
      tensor.values.push_back(double{bf16_to_f32(f32_to_bf16(static_cast<float>(normal(random))))});
    return tensor;
  }

  void write(const std::string& path) const {
    std::string header;
    std::string data;
    for (const auto& [name, tensor] : tensors_) {
      std::size_t begin = data.size();
      for (double value : tensor.values) {
        std::uint16_t half = f32_to_bf16(static_cast<float>(value));
        data += static_cast<char>(half & 0xff);
        data += static_cast<char>(half >> 8);
      }
      header += fmt::format(R"({}"{}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{},{}]}})",
                            header.empty() ? "" : ",", name, fmt::join(tensor.shape, ","), begin,
                            data.size());
    }
    header = "{" + header + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string size;
    for (int i = 0; i < 8; i++)
      size += static_cast<char>(header.size() >> 8 * i & 0xff);
    std::ofstream(path, std::ios::binary) << size << header << data;
  }

 private:
  std::map<std::string, Tensor> tensors_;
};

// y = x w^T (+ bias), w [rows, cols].
inline Row linear(const Row& x, const Tensor& w, const Tensor* bias = nullptr) {
  std::size_t cols = w.shape.back();
  if (x.size() != cols) throw std::logic_error("a matrix of another width");
  Row y(w.values.size() / cols);
  for (std::size_t r = 0; r < y.size(); r++) {
    y[r] = bias == nullptr ? 0 : bias->values[r];
    for (std::size_t c = 0; c < cols; c++)
      y[r] += x[c] * w.values[r * cols + c];
  }
  return y;
}

inline Row rms_norm(const Row& x, const double* weight, double eps) {
  double squares = 0;
  for (double v : x)
    squares += v * v;
  double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); i++)
    y[i] = x[i] * scale * weight[i];
  return y;
}

inline Row layer_norm(const Row& x, const double* weight, const double* bias, double eps) {
  auto n = static_cast<double>(x.size());
  double mean = 0;
  for (double v : x)
    mean += v / n;
  double variance = 0;
  for (double v : x)
    variance += (v - mean) * (v - mean) / n;
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); i++)
    y[i] = (x[i] - mean) / std::sqrt(variance + eps) * weight[i] + (bias ? bias[i] : 0);
  return y;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double silu(double x) { return x * sigmoid(x); }

inline void add(Row& x, const Row& y, double scale = 1) {
  for (std::size_t i = 0; i < x.size(); i++)
    x[i] += scale * y[i];
}

// theta ** (-2 i / dims), for each pair.
inline Row frequencies(double theta, std::size_t dims) {
  Row f;
  for (std::size_t i = 0; i < dims / 2; i++)
    f.push_back(std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dims)));
  return f;
}

// Turns the first 2 * f.size() elements of the head at x: neighbours, or the two halves.
inline void rotate(double* x, const Row& f, bool neighbours, double position, double scale = 1) {
  std::size_t pairs = f.size();
  for (std::size_t i = 0; i < pairs; i++) {
    double& a = x[neighbours ? 2 * i : i];
    double& b = x[neighbours ? 2 * i + 1 : i + pairs];
    double c = std::cos(position * f[i]) * scale;
    double s = std::sin(position * f[i]) * scale;
    double turned = a * c - b * s;
    b = b * c + a * s;
    a = turned;
  }
}

// Each row sees itself and those before it, `window` in all (0: all of them).
inline Rows attend(const Rows& q, const Rows& k, const Rows& v, std::size_t heads,
                   std::size_t kv_heads, double scale, std::size_t window) {
  std::size_t d = q[0].size() / heads;
  Rows out(q.size(), Row(q[0].size(), 0));
  for (std::size_t t = 0; t < q.size(); t++)
    for (std::size_t h = 0; h < heads; h++) {
      std::size_t group = h / (heads / kv_heads);
      std::size_t first = window != 0 && t + 1 > window ? t + 1 - window : 0;
      Row scores;
      for (std::size_t s = first; s <= t; s++) {
        double score = 0;
        for (std::size_t i = 0; i < d; i++)
          score += q[t][h * d + i] * k[s][group * d + i];
        scores.push_back(score * scale);
      }
      double most = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (double& score : scores)
        sum += score = std::exp(score - most);
      for (std::size_t s = first; s <= t; s++)
        for (std::size_t i = 0; i < d; i++)
          out[t][h * d + i] += scores[s - first] / sum * v[s][group * d + i];
    }
  return out;
}

}  // namespace mlc::plain
