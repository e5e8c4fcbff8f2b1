// The map of errors: kinds of params on one axis, layers on the other, and the worst as a table.
//
// One strip for each kind, because the names of kinds are long and phones narrow; all strips share
// one scale of colours. Without a source there is no error, and the map shows the size of the
// params (RMS) instead, in which a damaged scale stands out as well.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "verify/html_chart.h"
#include "verify/html_parts.h"
#include "verify/html_style.h"
#include "verify/html_text.h"

namespace mlc {
namespace {

constexpr int kStripHeight = 20;
constexpr std::size_t kWorst = 20;
constexpr std::int64_t kMostWithGaps = 48;

// The params of one kind; those outside of layers are kinds of their own.
struct Kind {
  std::string name;
  std::string short_name = {};
  std::vector<const ParamNumbers*> params;
};

std::vector<Kind> kinds_of(const WeightsResult& weights, bool in_layers) {
  std::vector<Kind> kinds;
  std::map<std::string_view, std::size_t> places;
  for (const ParamNumbers& param : weights.params) {
    if ((param.layer >= 0) != in_layers) continue;
    const std::string& name = in_layers ? param.kind : param.name;
    auto [place, is_new] = places.emplace(name, kinds.size());
    if (is_new) kinds.push_back({name, "", {}});
    kinds[place->second].params.push_back(&param);
  }
  std::vector<std::string> names;
  names.reserve(kinds.size());
  for (const Kind& kind : kinds)
    names.push_back(kind.name);
  names = short_kinds(names);
  for (std::size_t i = 0; i < kinds.size(); i++)
    kinds[i].short_name = names[i];
  return kinds;
}

class Map {
 public:
  explicit Map(const VerifyReport& report);
  std::string html() const;

 private:
  double value(const ParamNumbers& p) const { return compared_ ? p.relative_mse : p.rms; }
  bool named(const ParamNumbers& p) const;
  std::string css(const ParamNumbers& p) const;
  std::string title(const ParamNumbers& p) const;
  std::string strip(const Kind& kind) const;
  std::string legend() const;
  LogAxis scale() const;

  const VerifyReport& report_;
  const WeightsResult& weights_;
  bool compared_;
  std::int64_t layers_ = 0;
  LogAxis scale_;
};

Map::Map(const VerifyReport& report)
    : report_(report), weights_(*report.weights), compared_(weights_.compared), scale_(scale()) {
  for (const ParamNumbers& p : weights_.params)
    layers_ = std::max(layers_, p.layer + 1);
}

// From the least to the largest value of quantized params, because casts lose next to nothing: but
// no more than four powers of ten, so that layers can be told apart beside one broken param, and no
// less than a factor of four, so that small differences look small.
LogAxis Map::scale() const {
  double lowest = 0, highest = 0;
  bool any_quantized = std::any_of(weights_.params.begin(), weights_.params.end(),
                                   [](const ParamNumbers& p) { return p.quantized; });
  for (const ParamNumbers& p : weights_.params) {
    double v = value(p);
    if (!std::isfinite(v) || v <= 0) continue;
    highest = std::max(highest, v);
    if (p.quantized || !any_quantized) lowest = lowest == 0 ? v : std::min(lowest, v);
  }
  if (highest == 0) return {0.1, 1};
  lowest = lowest == 0 ? highest : std::max(lowest, highest * 1e-4);
  double missing = 4 / (highest / lowest);
  if (missing > 1) {
    lowest /= std::sqrt(missing);
    highest *= std::sqrt(missing);
  }
  return {lowest, highest};
}

bool Map::named(const ParamNumbers& p) const {
  return std::any_of(report_.findings.all().begin(), report_.findings.all().end(),
                     [&](const Finding& finding) {
                       if (finding.rule->id.substr(0, 1) != "W") return false;
                       std::size_t at = finding.where.find(p.name);
                       if (at == std::string::npos) return false;
                       // Not a part of a longer name.
                       std::size_t end = at + p.name.size();
                       auto goes_on = [&](std::size_t i) {
                         return i < finding.where.size() &&
                                (std::isalnum(static_cast<unsigned char>(finding.where[i])) != 0 ||
                                 finding.where[i] == '.');
                       };
                       return !goes_on(end) && (at == 0 || !goes_on(at - 1));
                     });
}

std::string Map::css(const ParamNumbers& p) const {
  double v = value(p);
  std::string shade;
  if (!std::isfinite(v) || p.nan > 0 || p.inf > 0)
    shade = "broken";
  else if (v == 0)
    shade = "equal";
  else
    shade = fmt::format("v{}", std::min(kShades - 1, static_cast<int>(scale_.at(v) * kShades)));
  // Where columns are narrow, the gaps between them would be most of what is seen.
  return fmt::format("cell {}{}{}", shade, layers_ > kMostWithGaps ? " thin" : "",
                     named(p) ? " named" : "");
}

std::string Map::title(const ParamNumbers& p) const {
  std::string text = p.name;
  if (p.compared)
    text += fmt::format(": relative MSE {}, SNR {} dB, largest error {} at [{}]",
                        number_text(p.relative_mse), number_text(p.snr_db),
                        number_text(p.max_error), fmt::join(p.max_error_at, ", "));
  text += fmt::format("; RMS {}", number_text(p.rms));
  if (p.nan + p.inf > 0) text += fmt::format("; {} NaN, {} infinite", p.nan, p.inf);
  return text;
}

std::string Map::strip(const Kind& kind) const {
  bool in_layers = kind.params[0]->layer >= 0;
  auto columns = static_cast<double>(in_layers ? layers_ : 1);
  double worst = 0;
  std::string marks = rect_mark(0, 1, kStripHeight / 2.0 - 1, 2, "back", kind.name);
  // What findings name comes last, so that nothing covers its outline.
  std::vector<const ParamNumbers*> order = kind.params;
  std::stable_partition(order.begin(), order.end(),
                        [&](const ParamNumbers* p) { return !named(*p); });
  bool finite = true;
  for (const ParamNumbers* p : order) {
    finite = finite && p->nan == 0 && p->inf == 0;
    auto column = static_cast<double>(in_layers ? p->layer : 0);
    marks += rect_mark(column / columns, 1 / columns, 0, kStripHeight, css(*p), title(*p));
    if (value(*p) > worst) worst = value(*p);
    finite = finite && !std::isnan(value(*p));
  }
  std::string shown = finite ? number_text(worst) : "not finite";
  std::string label =
      fmt::format("{}: {} up to {}", kind.name, compared_ ? "relative MSE" : "RMS", shown);
  return chart_row(fmt::format("<code>{}</code>", html_text(kind.short_name)),
                   row_svg(kStripHeight, label, marks), shown);
}

std::string Map::legend() const {
  std::string marks;
  for (int shade = 0; shade < kShades; shade++)
    marks += rect_mark(shade * 1.0 / kShades, 1.0 / kShades, 0, 14, fmt::format("v{}", shade), "");
  for (const Tick& tick : scale_.ticks())
    marks += fmt::format("<text x=\"{:.2f}%\" y=\"30\" text-anchor=\"middle\">{}</text>",
                         100 * tick.at, html_text(tick.text));
  std::string_view key =
      "<li><svg width=\"18\" height=\"14\" aria-hidden=\"true\"><rect class=\"{0}\" x=\"1\" "
      "y=\"1\" "
      "width=\"16\" height=\"12\"/></svg>{1}</li>";
  std::string items;
  if (compared_) items += fmt::format(fmt::runtime(key), "equal", "equal to the source");
  items += fmt::format(fmt::runtime(key), "broken", "has NaN or infinities");
  items += fmt::format(fmt::runtime(key), "v8 named", "named by a finding");
  return fmt::format(
      "<div class=\"scale\"><svg role=\"img\" aria-label=\"scale of colours\" width=\"100%\" "
      "height=\"14\">{}</svg></div>\n<ul class=\"legend\">{}</ul>\n",
      marks, items);
}

std::string Map::html() const {
  std::string text = fmt::format(
      "<p class=\"soft\">{}. Each strip is a kind of param, from the first layer to the last; the "
      "number beside it is its largest. Colours are logarithmic.</p>\n",
      compared_ ? "Relative mean squared error against the source: Σ(w − q)² ∕ Σw²"
                : "No source to compare with: RMS of each param");
  text += legend();
  for (bool in_layers : {true, false}) {
    std::vector<Kind> kinds = kinds_of(weights_, in_layers);
    if (kinds.empty()) continue;
    text += fmt::format("<h3>{}</h3>\n", in_layers ? "In the layers" : "Outside of the layers");
    if (in_layers) {
      std::string ends = fmt::format(
          "<text x=\"0\" y=\"12\">layer 0</text><text x=\"100%\" y=\"12\" text-anchor=\"end\">{}"
          "</text>",
          layers_ - 1);
      text += chart_row("", row_svg(16, fmt::format("layers 0 to {}", layers_ - 1), ends), "");
    }
    for (const Kind& kind : kinds)
      text += strip(kind);
  }
  return text;
}

std::string worst_row(const ParamNumbers& p) {
  std::string at =
      p.max_error_at.empty()
          ? ""
          : fmt::format(" at [{}]: {} → {}", fmt::join(p.max_error_at, ", "),
                        number_text(p.max_error_source), number_text(p.max_error_value));
  return fmt::format(
      "<tr class=\"param\"><td class=\"n\">{}</td><th scope=\"row\"><code>{}</code></th>"
      "<td class=\"n\">{}</td><td class=\"n\">{:.5f}</td><td>{}{}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td></tr>\n",
      number_text(p.relative_mse), html_text(p.name),
      p.relative_mse == 0 ? "∞" : html_text(number_text(p.snr_db)), p.cosine,
      number_text(p.max_error), html_text(at), p.zero_groups, p.clipped_groups);
}

std::string worst_table(const WeightsResult& weights) {
  std::vector<const ParamNumbers*> order;
  for (const ParamNumbers& p : weights.params)
    if (p.compared) order.push_back(&p);
  auto badness = [](const ParamNumbers* p) {
    return std::isnan(p->relative_mse) ? INFINITY : p->relative_mse;
  };
  std::stable_sort(order.begin(), order.end(), [&](const ParamNumbers* a, const ParamNumbers* b) {
    return badness(a) > badness(b);
  });
  if (order.size() > kWorst) order.resize(kWorst);
  std::string text =
      "<h3>Largest errors</h3>\n<p class=\"soft\">The largest difference with its index: source → "
      "model. Groups that are all zero, and clipped ones.</p>\n<div class=\"scroll\" "
      "tabindex=\"0\" role=\"region\" "
      "aria-label=\"Largest errors\"><table class=\"numbers\"><thead><tr>"
      "<th scope=\"col\" class=\"n\">rel. MSE</th><th scope=\"col\">param</th>"
      "<th scope=\"col\" class=\"n\">SNR, dB</th><th scope=\"col\" class=\"n\">cosine</th>"
      "<th scope=\"col\">largest error</th><th scope=\"col\" class=\"n\">zero</th>"
      "<th scope=\"col\" class=\"n\">clipped</th></tr></thead><tbody>\n";
  for (const ParamNumbers* p : order)
    text += worst_row(*p);
  return text + "</tbody></table></div>\n";
}

// Whether the weights are, bit for bit, what a numeric rule makes of the source.
std::string bits(const WeightsResult& weights) {
  if (weights.rule.empty()) return {};
  return fmt::format(
      "<p>Bit for bit as made with <strong>{}</strong>; asked for: {}.</p>\n",
      weights.fitting.empty() ? "none of the known rules" : html_text(weights.fitting),
      html_text(weights.rule));
}

}  // namespace

std::string html_weights(const VerifyReport& report) {
  if (!report.weights || report.weights->params.empty()) return {};
  std::string text =
      "<section id=\"weights\">\n<h2>Weights</h2>\n" + bits(*report.weights) + Map(report).html();
  if (report.weights->compared) text += worst_table(*report.weights);
  return text + "</section>\n";
}

}  // namespace mlc
