// How far the logits are from those of the reference: over positions, in numbers, layer by layer.
#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "verify/html_chart.h"
#include "verify/html_parts.h"
#include "verify/html_text.h"

namespace mlc {
namespace {

constexpr std::size_t kMostLayers = 40;

std::string key(std::string_view css, const std::string& text) {
  return fmt::format(
      "<li><svg width=\"24\" height=\"10\" aria-hidden=\"true\"><line class=\"{}\" x1=\"0\" "
      "x2=\"24\" y1=\"5\" y2=\"5\"/></svg>{}</li>",
      css, html_text(text));
}

std::string curve(std::string_view title, const Divergence& d, double bound) {
  if (d.kl_curve.empty()) return {};
  std::vector<double> values = d.kl_curve;
  values.push_back(d.kl_mean);
  // The bound belongs into the picture unless it is so far away that the curve would be a line.
  LogAxis axis = LogAxis::of_decades(values);
  bool shows_bound = bound > axis.lowest() && bound <= 100 * axis.highest();
  if (shows_bound) values.push_back(bound);
  axis = LogAxis::of_decades(values);

  std::vector<double> heights;
  std::vector<std::string> titles;
  auto count = static_cast<double>(d.kl_curve.size());
  double each = static_cast<double>(d.positions) / count;
  for (std::size_t i = 0; i < d.kl_curve.size(); i++) {
    heights.push_back(axis.at(d.kl_curve[i]));
    titles.push_back(fmt::format("position {:.0f}: KL {} nats",
                                 std::floor(static_cast<double>(i) * each),
                                 number_text(d.kl_curve[i])));
  }
  Plot plot(200, fmt::format("KL divergence over positions, {}: mean {} nats", title,
                             number_text(d.kl_mean)));
  plot.y_ticks(axis.ticks());
  std::vector<Tick> x_ticks;
  for (double share : {0.0, 0.25, 0.5, 0.75, 1.0})
    x_ticks.push_back({share, fmt::format("{:.0f}", share * static_cast<double>(d.positions))});
  plot.x_ticks(x_ticks);
  plot.x_title("position");
  plot.curve(heights, titles, "curve");
  plot.level(axis.at(d.kl_mean), "mean");
  if (shows_bound) plot.level(axis.at(bound), "bound");

  std::string per =
      each > 1.001 ? fmt::format(", each point the mean of {:.4g} positions", each) : "";
  return fmt::format(
             "<h3>KL over positions: {}</h3>\n<p class=\"soft\">In nats, logarithmic{}."
             "</p>\n<ul class=\"legend\">{}{}{}</ul>\n",
             title, per, key("curve", "KL"), key("mean", "mean " + number_text(d.kl_mean)),
             key(shows_bound ? "bound" : "", "bound of the mean " + number_text(bound))) +
         plot.html();
}

using Number = std::string (*)(const Divergence&);

std::string numbers_table(const ModelResult& model) {
  struct Row {
    std::string_view name;
    Number number;
    bool of_device = false;  // says nothing of quantization
    bool of_all = false;     // also of positions that are not finite
  };
  constexpr Row kRows[] = {
      {"positions", [](const Divergence& d) { return fmt::format("{}", d.positions); }, false,
       true},
      {"further ones, not finite",
       [](const Divergence& d) { return fmt::format("{}", d.nonfinite_positions); }, false, true},
      {"mean KL, nats", [](const Divergence& d) { return number_text(d.kl_mean); }},
      {"99 % of KL, nats", [](const Divergence& d) { return number_text(d.kl_99); }},
      {"largest KL, nats", [](const Divergence& d) { return number_text(d.kl_max); }},
      {"same first choice", [](const Divergence& d) { return percent_text(d.top1); }},
      {"other first choice than errors explain",
       [](const Divergence& d) { return fmt::format("{}", d.unexplained_top1); }, true},
      {"largest difference of a logit",
       [](const Divergence& d) { return number_text(d.max_logit_error); }},
      {"mean difference of a logit",
       [](const Divergence& d) { return number_text(d.mean_logit_error); }},
      {"range of the logits", [](const Divergence& d) { return number_text(d.logit_range); }},
      {"perplexity",
       [](const Divergence& d) {
         return d.perplexity_positions == 0 ? "" : fmt::format("{:.4f}", d.perplexity);
       }},
      {"perplexity of the reference",
       [](const Divergence& d) {
         return d.perplexity_positions == 0 ? "" : fmt::format("{:.4f}", d.perplexity_reference);
       }},
      {"ratio of the perplexities",
       [](const Divergence& d) {
         return d.perplexity_positions == 0 ? "" : fmt::format("{:.5f}", d.perplexity_ratio);
       }},
      {"its standard error",
       [](const Divergence& d) {
         return d.perplexity_positions == 0 ? "" : fmt::format("{:.5f}", d.perplexity_ratio_error);
       }},
  };
  bool source = model.quantization_error.has_value();
  std::string text = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Divergences\"><table>"
      "<thead><tr><th scope=\"col\"></th><th scope=\"col\" class=\"n\">device</th>{}</tr>"
      "</thead><tbody>\n",
      source ? "<th scope=\"col\" class=\"n\">quantization</th>" : "");
  for (const Row& row : kRows) {
    // Of no positions there are no numbers.
    auto number = [&](const Divergence& d) {
      return d.positions == 0 && !row.of_all ? std::string() : row.number(d);
    };
    std::string device = number(model.device_error);
    std::string other = source && !row.of_device ? number(*model.quantization_error) : "";
    if (device.empty() && other.empty()) continue;
    text += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td>{}</tr>\n", row.name,
                        device, source ? fmt::format("<td class=\"n\">{}</td>", other) : "");
  }
  return text + "</tbody></table></div>\n";
}

// NaN and infinities count as the largest errors.
double size_of(const LayerNumbers& layer) {
  return layer.nonfinite || !std::isfinite(layer.own_error) ? INFINITY : layer.own_error;
}

std::string layer_row(const LayerNumbers& layer, const LogAxis& axis) {
  std::string value = layer.nonfinite             ? "not finite"
                      : layer.reference_nonfinite ? "both not finite"
                                                  : number_text(layer.own_error);
  std::string title = fmt::format("{}, {}: own error {}, with earlier ones {}", layer.label,
                                  layer.variant, value, number_text(layer.relative_error));
  // A value at the lower end of the axis is still a mark.
  auto width = [&](double error) {
    return layer.nonfinite || !std::isfinite(error) ? 1 : std::max(0.004, axis.at(error));
  };
  return chart_row(fmt::format("<code>{}</code> <span class=\"soft\">{}</span>",
                               html_text(layer.label), html_text(layer.variant)),
                   row_svg(16, title,
                           rect_mark(0, 1, 7, 2, "back", title) +
                               rect_mark(0, width(layer.relative_error), 5, 6, "bar copy", title) +
                               rect_mark(0, width(layer.own_error), 1, 14,
                                         layer.nonfinite ? "layer bar wrong" : "layer bar", title)),
                   html_text(value));
}

std::string layers_chart(const std::vector<LayerNumbers>& layers) {
  if (layers.empty()) return {};
  std::vector<double> values, sizes;
  for (const LayerNumbers& layer : layers) {
    values.insert(values.end(), {layer.own_error, layer.relative_error});
    sizes.push_back(size_of(layer));
  }
  std::size_t shown = std::min(kMostLayers, layers.size());
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(shown - 1),
                   sizes.end(), std::greater<>());
  double least = sizes[shown - 1];
  LogAxis axis = LogAxis::of_decades(values);
  std::string text = fmt::format(
      "<h3>Step by step</h3>\n<p class=\"soft\">Largest difference between device and reference, "
      "as a share of the reference's largest value; logarithmic. Wide bars and numbers: what a "
      "step "
      "itself has wrong; thin bars: with what came before.{}</p>\n",
      shown < layers.size()
          ? fmt::format(" The {} largest of {} steps, in order.", shown, layers.size())
          : "");
  // Of those that are equal to the least, only the first.
  std::ptrdiff_t equal =
      static_cast<std::ptrdiff_t>(shown) -
      std::count_if(layers.begin(), layers.end(),
                    [&](const LayerNumbers& layer) { return size_of(layer) > least; });
  for (const LayerNumbers& layer : layers)
    if (size_of(layer) > least || (size_of(layer) == least && equal-- > 0))
      text += layer_row(layer, axis);
  return text;
}

}  // namespace

std::string html_model(const VerifyReport& report) {
  if (!report.model_run) return {};
  const ModelResult& model = *report.model_run;
  std::string text = fmt::format(
      "<section id=\"model\">\n<h2>Model</h2>\n<p>{}. Device error: <code>{}</code> on its "
      "own weights, against {}.{}</p>\n",
      html_text(model.text), html_text(model.device), html_text(model.reference),
      model.quantization_error ? " Quantization error: against the source's weights." : "");
  text += numbers_table(model);
  text += curve("device error", model.device_error, report.thresholds[Threshold::kDeviceKl]);
  if (model.quantization_error)
    text += curve("quantization error", *model.quantization_error,
                  report.thresholds[Threshold::kQuantizationKl]);
  return text + layers_chart(model.layers) + "</section>\n";
}

}  // namespace mlc
