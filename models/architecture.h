// An architecture is data: what its config.json holds, which params it has, and how each is made
// from the checkpoint. To support a new model_type, add one file to models/arch/ that defines
// arch_<file>; the build finds it. A malformed table does not compile (models/well_formed.h).
//
// Templates. Names of params and sources are text in which {expression} stands for an integer or
// text, "model.layers.{i+1}.ln.weight", and {$alias} for one of the architecture's aliases. {e} in
// a source counts the experts of `each`.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/dtype.h"
#include "models/config_table.h"
#include "models/expression.h"
#include "models/forward.h"
#include "models/param_spec.h"

namespace mlc {

// One dimension; "@vocab_size" is symbolic: mlc_llm leaves it open, so that the checkpoint's own
// size counts and the config's is a hint.
struct Dim {
  Expr expression;
  bool symbolic = false;

  constexpr Dim() = default;
  constexpr Dim(const char* text)  // NOLINT(google-explicit-constructor)
      : expression(*text == '@' ? text + 1 : text), symbolic(*text == '@') {}
  constexpr bool empty() const { return expression.empty(); }
};

struct Shape {
  std::array<Dim, 4> dims;  // ends at the first empty one

  // All four are written out for the same reason as in Texts.
  constexpr Shape() : dims{Dim(), Dim(), Dim(), Dim()} {}
  constexpr Shape(Dim a, Dim b = Dim(), Dim c = Dim(), Dim d = Dim()) : dims{a, b, c, d} {}
};

// The rows of the parts of a group; ends at the first empty one.
struct Parts {
  std::array<Expr, 4> rows;

  // All four are written out for the same reason as in Texts.
  constexpr Parts() : rows{Expr(), Expr(), Expr(), Expr()} {}
  constexpr Parts(Expr a, Expr b, Expr c = Expr(), Expr d = Expr()) : rows{a, b, c, d} {}
  constexpr std::size_t size() const {
    std::size_t n = 0;
    while (n < rows.size() && !rows[n].empty())
      n++;
    return n;
  }
};

// The numbers of OpArgs, as expressions.
struct OpExprs {
  Expr heads = {};
  Expr head_dim = {};
  Expr queries = {};
  Expr nope = {};
  Expr value = {};
  Expr exponent = {};
  Parts parts = {};
  std::size_t first_part = 0;
  std::size_t part_count = 0;
};

struct Param {
  std::string_view name;  // template
  Shape shape = {};
  ParamKind kind = ParamKind::kRaw;
  Op op = Op::kCopy;
  OpExprs args = {};
  Texts<4> sources = {};           // templates, in argument order; none: the name
  Expr each = {};                  // the sources repeat for e = 0 .. each - 1
  Expr when = {};                  // empty: always
  std::string_view fallback = {};  // template: the source where the checkpoint lacks its own
  Expr fallback_when = {};
  std::string_view only_quant_kind = {};  // "block-scale-quant": only for such schemes
  std::optional<DType> dtype = {};        // pinned
  std::optional<DType> out_dtype = {};
  int rank = 0;  // among the params that share a source: the lower comes out first
};

// Source tensors that are left out on purpose; everything else that no param uses is reported.
// `rule` says why, in the words of a report.
struct Ignored {
  std::string_view pattern;  // template; a final * stands for any rest
  std::string_view rule;
  // mlc_llm does not know it: it warns, and counts the tensor in BitsPerParam.
  bool counted = false;
};

// Rows that exist once, or `count` times with `variable` = 0 .. count-1. Order within the block:
// params, then blocks. The order of all is mlc_llm's tree order (docs/architectures.md, "Order").
struct Block {
  std::string_view variable = {};
  Expr count = {};
  Expr when = {};
  std::span<const Param> params = {};
  std::span<const Ignored> ignored = {};
  std::span<const Block> blocks = {};
};

// The first alias of a name whose condition holds gives its text (a template).
struct Alias {
  std::string_view name;
  std::string_view text;
  Expr when = {};
};

// The start of names in another layout of the same checkpoint: releases of transformers differ in
// their outer modules. Where the checkpoint has the first param's source only under its name by
// these, all sources are meant so.
struct Rename {
  std::string_view from;  // as in the rows; may be empty
  std::string_view to;
};

// What the vector of an embedding model is made of.
struct Embedding {
  std::string_view side;     // "encoder" or "decoder"
  std::string_view pooling;  // over the tokens: "cls" or "last"
  bool normalize = true;
};

struct Architecture {
  std::string_view model_type;     // the registry's name
  Texts<2> also_detected_as = {};  // model_type values that mean this one
  // Entries of `architectures` in a config.json whose model_type is none of the registry's.
  Texts<2> class_names = {};
  ConfigTable config = {};
  std::span<const Block> body = {};
  std::span<const Alias> aliases = {};
  // Modules that group quantization and block scales leave out, with everything below them.
  std::span<const std::string_view> no_quantization = {};
  std::string_view no_quantization_field = {};  // a list in the config that names more of them
  std::span<const Rename> renames = {};
  // mlc_llm knows it, so a runtime may have a model library for it; for others the names of the
  // params are our own (docs/formats.md).
  bool in_mlc_llm = true;
  std::optional<Embedding> embedding = {};  // none: a model to chat with
  std::string_view note = {};              // for lists of models: what a user has to know; one line
  const ForwardTraits* forward = nullptr;  // null: runtime-min does not run it
};

constexpr std::size_t size_of_shape(const Param& param) {
  std::size_t n = 0;
  while (n < param.shape.dims.size() && !param.shape.dims[n].empty())
    n++;
  return n;
}

constexpr std::size_t count_sources(const Param& param) {
  std::size_t n = 0;
  while (n < param.sources.size() && !param.sources[n].empty())
    n++;
  return std::max<std::size_t>(n, 1);  // none written: the param's own name
}

constexpr std::string_view source_template(const Param& param, std::size_t index) {
  return param.sources[0].empty() ? param.name : param.sources[index];
}

// Joins tables at compile time, so that architectures share rows.
template <class T, std::size_t... N>
constexpr auto join(const std::array<T, N>&... tables) {
  std::array<T, (N + ... + 0)> rows = {};
  auto out = rows.begin();
  ((out = std::copy(tables.begin(), tables.end(), out)), ...);
  return rows;
}

// What one file of models/arch/ defines under the name arch_<file>.
using Family = std::span<const Architecture>;

}  // namespace mlc
