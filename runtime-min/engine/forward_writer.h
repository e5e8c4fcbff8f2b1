// The dispatches of a pass, one after the other, and the operations that layers are made of.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/half.h"
#include "runtime-min/engine/forward_pass.h"

namespace mlc {

class ForwardPass::Writer {
 public:
  Writer(const ForwardPass& pass, std::uint32_t rows) : pass_(pass), rows_(rows) {}

  std::vector<PassStep> steps;

  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }

  // A matrix of tokens, of positions, or of rows that the state buffer names.
  void embed(const char* label, Slice state, const Matrix& m, bool by_position, bool add,
             float multiplier, Rows y) {
    for (const MatrixPart& part : m.parts)
      emit(Kernel::kEmbed, label, {state, part.weight, part.scale, y.slice},
           {id(m.format), id(m.scale_format), m.k, by_position, rows_, part.begin, part.count, add,
            f32_bits(multiplier), y.width},
           rows_ * (m.row_bytes + m.scale_row_bytes + 4 * std::uint64_t{m.k}));
  }

  // The rows of x that the gather buffer names.
  void gather(Rows x, Rows y) {
    emit(Kernel::kEmbed, "gather", {pass_.gather(), x.slice, {}, y.slice},
         {id(WeightFormat::kF32), id(ScaleFormat::kF32), x.width, 0, rows_, 0, pass_.rows(), 0,
          f32_bits(1), y.width},
         8 * std::uint64_t{rows_} * x.width);
  }

  // Heads of `width` elements, `offset` elements into each row.
  void norm(const char* label, Rows x, const Norm& n, std::uint32_t width, std::uint32_t heads,
            std::uint32_t offset, bool per_head, Rows y) {
    norm(label, x, n, width, heads, offset, per_head, pass_.plan_.eps, y);
  }
  void norm(const char* label, Rows x, const Norm& n, std::uint32_t width, std::uint32_t heads,
            std::uint32_t offset, bool per_head, float eps, Rows y) {
    const NormTraits& traits = pass_.plan_.traits->norm;
    emit(Kernel::kNorm, label, {x.slice, {}, vector(n.weight), vector(n.bias), {}, y.slice},
         {traits.kind == NormKind::kLayer, width, 0, n.weight != nullptr, n.bias != nullptr,
          per_head, rows_, heads, x.width, offset, y.width, offset, f32_bits(eps)},
         8 * std::uint64_t{rows_} * width * heads);
  }

  // The whole row; the result, or x itself where there is no norm.
  Rows norm(const char* label, Rows x, const Norm& n, Rows y) {
    if (!n.exists) return x;
    norm(label, x, n, x.width, 1, 0, false, y);
    return y;
  }

  void matmul(Rows x, const Matrix& m, Rows y, std::uint32_t y_offset = 0, float scale = 1,
              bool add = false, std::uint32_t x_offset = 0) {
    for (const MatrixPart& part : m.parts) {
      Slice bias;
      if (m.bias != nullptr)
        bias = part_of(m.bias->slice, std::uint64_t{part.begin} * 4, std::uint64_t{part.count} * 4);
      emit(Kernel::kMatmul, tail(m.module),
           {x.slice, part.weight, part.scale, bias, add ? y.slice : Slice(), y.slice},
           {id(m.format), id(m.scale_format), m.k, part.count, m.bias != nullptr, add, rows_,
            x.width, x_offset, y.width, y_offset + part.begin, f32_bits(scale)},
           part.weight.bytes + part.scale.bytes +
               4 * std::uint64_t{rows_} * (m.k + part.count * (add ? 2 : 1)));
    }
  }

  // y = what each half of a layer gives, joined to x: x += scale * y in the matmul itself, or with
  // a norm between.
  void finish(const char* label, Rows from, const Matrix& m, const Norm& post, float scale,
              Rows x) {
    if (!post.exists) return matmul(from, m, x, 0, scale, true);
    Rows half = pass_.rows_of(pass_.half_, pass_.hidden_);
    matmul(from, m, half);
    norm(label, half, post, half);
    add(label, x, half, scale);
  }

  void add(const char* label, Rows x, Rows y, float scale) {
    combine(label, Combine::kAdd, x, y.slice, y.width, 1, scale, false);
  }

  // x = combine(x, b); b has `b_stride` elements a row, or is one row for all.
  void combine(const char* label, Combine kind, Rows x, Slice b, std::uint32_t b_stride,
               float alpha, float beta, bool broadcast) {
    emit(Kernel::kCombine, label, {x.slice, b, {}, x.slice},
         {id(kind), broadcast, rows_, x.width, x.width, 0, b_stride, 0, 0, 0, x.width, 0,
          f32_bits(alpha), f32_bits(beta)},
         12 * std::uint64_t{rows_} * x.width);
  }

  void activate(const char* label, Activation activation, bool gated, std::uint32_t rows,
                std::uint32_t width, Slice x, Slice y) {
    std::uint32_t x_width = gated ? 2 * width : width;
    emit(Kernel::kActivate, label, {x, y},
         {id(activation), gated, rows, width, x_width, 0, width, 0},
         4 * std::uint64_t{rows} * (x_width + width));
  }

  // Within [-limit, limit]: limit - relu(2 limit - relu(x + limit)).
  void clip(Rows x, float limit) {
    Slice limits = pass_.activations_.slice(pass_.clip_);
    auto relu = [&] {
      activate("clip", Activation::kRelu, false, rows_, x.width, x.slice, x.slice);
    };
    combine("clip", Combine::kAdd, x, limits, 0, 1, 1, false);
    relu();
    combine("clip", Combine::kAdd, x, limits, 0, -1, 2, false);
    relu();
    combine("clip", Combine::kAdd, x, limits, 0, -1, 1, false);
    static_cast<void>(limit);
  }

  // What `mlp` makes of x, not yet turned back.
  Rows mlp(Rows x, const Mlp& mlp) {
    Rows mid{pass_.activations_.slice(pass_.mid_), mlp.gated ? 2 * mlp.width : mlp.width};
    if (mlp.gate_up != nullptr) matmul(x, *mlp.gate_up, mid);
    if (mlp.gate != nullptr) matmul(x, *mlp.gate, mid);
    if (mlp.up != nullptr) matmul(x, *mlp.up, mid, mlp.gated ? mlp.width : 0);
    Rows act{pass_.activations_.slice(pass_.act_), mlp.width};
    if (mlp.up_first) {
      gate_last(mlp, mid, act);
      return act;
    }
    activate("activation", mlp.activation, mlp.gated, rows_, mlp.width, mid.slice, act.slice);
    return act;
  }

  // act = up act(gate), where `mid` has the rows of up first.
  void gate_last(const Mlp& mlp, Rows mid, Rows act) {
    std::uint32_t width = mlp.width;
    emit(Kernel::kActivate, "activation", {mid.slice, mid.slice},
         {id(mlp.activation), 0, rows_, width, mid.width, width, mid.width, width},
         8 * std::uint64_t{rows_} * width);
    emit(Kernel::kCombine, "gate", {mid.slice, mid.slice, {}, act.slice},
         {id(Combine::kMul), 0, rows_, width, mid.width, 0, mid.width, width, 0, 0, width, 0,
          f32_bits(1), 0},
         12 * std::uint64_t{rows_} * width);
  }

  void recurrent(const Layer& layer, Rows x);
  void attention(const Layer& layer, Rows x, Rows residual);
  void experts(const Layer& layer, Rows h, Rows x);
  void layer(const Layer& layer, Rows x);

  void emit(Kernel kernel, std::string_view label, std::initializer_list<Slice> buffers,
            std::initializer_list<std::uint32_t> words, std::uint64_t bytes) {
    PassStep step;
    step.dispatch.kernel = kernel;
    std::copy(buffers.begin(), buffers.end(), step.dispatch.buffers.begin());
    std::copy(words.begin(), words.end(), step.dispatch.words.begin());
    step.dispatch.label = prefix_ + std::string(label);
    step.bytes = bytes;
    steps.push_back(std::move(step));
  }

 private:
  template <class E>
  static std::uint32_t id(E value) {
    return static_cast<std::uint32_t>(value);
  }
  static Slice vector(const Vector* vector) { return vector == nullptr ? Slice() : vector->slice; }
  // "model.layers.3.mlp.down_proj" in layer 3: "mlp.down_proj".
  std::string tail(const std::string& module) const {
    std::size_t at = module.find(within_);
    return within_.empty() || at == std::string::npos ? module : module.substr(at + within_.size());
  }
  void moe_matmul(const Matrix& m, Slice x, std::uint32_t x_stride, bool x_per_slot,
                  std::uint32_t top_k, Slice y);
  void head_norms(const Layer& layer, Rows qkv);
  Rows shift(std::size_t last, Rows h);
  void mix(Rows h, Rows last, const Vector& m, Rows y);
  Rows mixed(const Mixed& m, std::uint32_t index, Rows h, Rows last);
  void recurrent_attention(const Layer& layer, Rows h, Rows x);
  void recurrent_forward(const Layer& layer, Rows h, Rows x);

  const ForwardPass& pass_;
  std::uint32_t rows_;
  std::string prefix_;
  std::string within_;

 public:
  void enter(std::size_t index) {
    prefix_ = fmt::format("layer {} ", index);
    within_ = fmt::format(".{}.", index);
  }
  void leave() {
    prefix_.clear();
    within_.clear();
  }
};

}  // namespace mlc
