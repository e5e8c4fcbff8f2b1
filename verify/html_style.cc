#include "verify/html_style.h"

#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace mlc {
namespace {

using Colour = std::array<int, 3>;

// One hue, from the paper's side to the ink's: people who see no red or no green, and printers,
// tell shades by their lightness. Marks that warn are orange, which stays apart from blue for all,
// and never speak by colour alone.
constexpr std::array<Colour, 4> kLight = {
    {{222, 235, 247}, {133, 188, 220}, {42, 122, 185}, {8, 40, 95}}};
constexpr std::array<Colour, 4> kDark = {
    {{30, 52, 78}, {38, 100, 158}, {110, 176, 222}, {232, 244, 255}}};

std::string shades(const std::array<Colour, 4>& stops) {
  std::string text;
  for (int shade = 0; shade < kShades; shade++) {
    double at = 3.0 * shade / (kShades - 1);
    std::size_t from = at >= 3 ? 2 : static_cast<std::size_t>(at);
    double share = at - static_cast<double>(from);
    std::array<long, 3> colour{};
    for (std::size_t c = 0; c < 3; c++)
      colour[c] = std::lround(stops[from][c] + share * (stops[from + 1][c] - stops[from][c]));
    text += fmt::format(".v{}{{fill:#{:02x}{:02x}{:02x}}}", shade, colour[0], colour[1], colour[2]);
  }
  return text;
}

// clang-format off
constexpr std::string_view kColours =
    ":root{color-scheme:light dark;"
    "--page:#f3f5f7;--card:#fff;--ink:#1b1f24;--soft:#55606c;--line:#d5dbe1;--blue:#1a6fb0;"
    "--orange:#b34700;--good:#0b6b53;--second:#7a4fa3}";
constexpr std::string_view kDarkColours =
    ":root{--page:#101418;--card:#191e24;--ink:#e7ebef;--soft:#a2adb8;--line:#39424c;--blue:#62aee8;"
    "--orange:#ff9d57;--good:#5ed0ae;--second:#c7a3ec}";
constexpr std::string_view kRules =
    "*{box-sizing:border-box}"
    "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}"
    "body{margin:0;background:var(--page);color:var(--ink);"
      "font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Liberation Sans\",sans-serif}"
    "main{max-width:72rem;margin:0 auto;padding:1rem}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}"
    "h2{font-size:1.15rem;margin:0 0 .5rem}"
    "h3{font-size:1rem;margin:1.5rem 0 .25rem}"
    "p{margin:.25rem 0 .75rem;max-width:46rem}"
    "code{font:.92em/1.4 ui-monospace,\"SFMono-Regular\",Menlo,Consolas,\"Liberation Mono\",monospace;"
      "overflow-wrap:anywhere;unicode-bidi:isolate}"
    "header,section{background:var(--card);border:1px solid var(--line);border-radius:10px;"
      "padding:1rem;margin:0 0 1rem}"
    ".soft{color:var(--soft)}"
    ".verdict{font-weight:600}.bad{color:var(--orange)}.good{color:var(--good)}"
    // Numbers at a glance.
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.75rem;"
      "margin:1rem 0 0;padding:0}"
    ".tiles div{border:1px solid var(--line);border-radius:8px;padding:.5rem .75rem}"
    ".tiles dt{color:var(--soft);font-size:.85rem;line-height:1.3}"
    ".tiles dd{margin:.1rem 0 0;font-size:1.2rem;font-weight:600;font-variant-numeric:tabular-nums}"
    // Tables scroll inside their box.
    ".scroll{overflow-x:auto;margin:.5rem 0}"
    "table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;color:var(--soft);padding:0 0 .25rem}"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .75rem .4rem 0;"
      "border-top:1px solid var(--line)}"
    "thead th{border-top:0;color:var(--soft);font-weight:600;white-space:nowrap}"
    "td.n,th.n{text-align:right;white-space:nowrap}"
    "tbody th{font-weight:400}"
    "tbody th code{white-space:nowrap}"
    ".numbers .n+:not(.n){padding-left:.75rem}"
    ".findings{min-width:52rem}.findings td{min-width:7rem}.findings .w{min-width:13rem}"
    ".numbers{min-width:40rem}.numbers td{white-space:nowrap}"
    ".tag{white-space:nowrap;font-weight:600}"
    ".tag.error{color:var(--orange)}.tag.warning{color:var(--second)}.tag.note{color:var(--soft)}"
    // Charts.
    "svg{display:block;overflow:visible}"
    "svg text{fill:var(--soft);font-size:12px}"
    ".plot{padding:10px 6px 46px 58px}.multiples .plot{padding:8px 6px 24px 44px}"
    ".grid{stroke:var(--line);stroke-width:1}"
    ".bar{fill:var(--blue)}.bar.wrong{fill:var(--orange)}.bar.copy{fill:var(--soft)}"
    ".unused{fill:none;stroke:var(--orange);stroke-width:1.5;stroke-dasharray:3 2}"
    ".curve{fill:none;stroke:var(--blue);stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round;"
      "vector-effect:non-scaling-stroke}"
    ".mean{stroke:var(--second);stroke-width:1.5}"
    ".bound{stroke:var(--orange);stroke-width:1.5;stroke-dasharray:6 4}"
    ".target{fill:transparent}.target:hover{fill:var(--soft);fill-opacity:.3}"
    ".back{fill:var(--line);fill-opacity:.45}"
    ".row{display:grid;grid-template-columns:minmax(8rem,17rem) 1fr 6rem;gap:0 .75rem;"
      "align-items:center;padding:3px 0;font-size:.88rem;line-height:1.35}"
    ".row .label{overflow-wrap:anywhere}"
    ".row .value{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".row.names{color:var(--soft)}"
    ".cell{stroke:var(--card);stroke-width:1}.thin{stroke-width:0}"
    ".cell:hover,.bar:hover{stroke:var(--ink);stroke-width:2}"
    ".equal{fill:var(--card);stroke:var(--soft);stroke-dasharray:2 2}"
    ".broken{fill:var(--orange)}"
    ".named{stroke:var(--orange);stroke-width:3}"
    ".legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:.5rem 0 0;list-style:none;"
      "color:var(--soft);font-size:.88rem;align-items:center}"
    ".legend li{display:flex;gap:.4rem;align-items:center}"
    ".legend svg{flex:none}"
    ".scale{max-width:26rem;padding:0 20px 30px;margin-top:.75rem}"
    ".multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:0 1.5rem}"
    ".multiples h4{font-size:.88rem;font-weight:600;margin:.75rem 0 0;overflow-wrap:anywhere}"
    "footer{color:var(--soft);font-size:.88rem;padding:0 1rem}"
    // A phone: the label and the number share a line, the drawing has one of its own.
    "@media (max-width:40rem){"
      "main{padding:.5rem}header,section{padding:.75rem}"
      ".row{grid-template-columns:1fr auto;padding:5px 0}"
      ".row .drawing{grid-row:2;grid-column:1/3}"
      ".tiles{grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:.5rem}"
      "th,td{padding-right:.5rem}"
      // Tables of texts become blocks, each cell with the name of its column.
      ".stack,.stack tbody,.stack tr,.stack td,.stack tbody th{display:block;min-width:0}"
      ".stack thead{display:none}"
      ".stack tr{border-top:1px solid var(--line);padding:.5rem 0}"
      ".stack th,.stack td{border:0;padding:.1rem 0;text-align:left;white-space:normal}"
      ".stack td:empty{display:none}"
      ".stack tbody th{font-weight:600}"
      ".findings td:nth-child(-n+2){display:inline;padding-right:.5rem}"
      ".findings td:nth-child(2) br{display:none}"
      ".stack td[data-name]::before{content:attr(data-name)\": \";color:var(--soft)}"
      ".stack tr:first-child{border-top:0}}"
    "@media print{body{background:none}section,header{break-inside:avoid}}";
// clang-format on

}  // namespace

std::string html_style() {
  return fmt::format("{}{}@media (prefers-color-scheme:dark){{{}{}}}{}", kColours, shades(kLight),
                     kDarkColours, shades(kDark), kRules);
}

}  // namespace mlc
