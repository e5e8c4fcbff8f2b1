// Some 3,000 texts for comparing tokenizers: every assigned block of Unicode, runs of spaces, emoji, control characters,
// code, English, line breaks.

// A small generator with a fixed seed, so that a failure can be repeated.
let state = 12345;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % n;
};
const pick = (list) => list[random(list.length)];

function assigned() {
  const blocks = new Map();
  for (let c = 0x20; c <= 0x10ffff; c++) {
    // Not surrogates, not private use, not unassigned; U+2581 is a space to SentencePiece.
    if ((c >= 0xd800 && c < 0xf900) || c >= 0xe0000 || c === 0x2581) continue;
    const text = String.fromCodePoint(c);
    if (!/\p{Assigned}/u.test(text) || /\p{Control}/u.test(text)) continue;
    const block = c >> 7;
    if (!blocks.has(block)) blocks.set(block, []);
    blocks.get(block).push(text);
  }
  return [...blocks.values()];
}

export function texts() {
  const result = ["", " ", "  ", "a", " a", "a ", " a ", "\t", "\ta", "a\tb", "\u00a0", "\u3000"];
  for (let n = 1; n <= 40; n++) result.push(" ".repeat(n) + "x", "x" + " ".repeat(n) + "y", "x" + " ".repeat(n));
  const blocks = assigned();
  for (const block of blocks)
    for (let i = 0; i < (block.length > 8 ? 4 : 1); i++) {
      let text = "";
      for (let k = 4 + random(20); k > 0; k--) text += random(6) === 0 ? " " : pick(block);
      result.push(text);
    }
  for (let i = 0; i < 300; i++) {
    let text = "";
    for (let k = 3 + random(12); k > 0; k--) text += pick(pick(blocks)) + (random(3) === 0 ? " " : "");
    result.push(text);
  }
  for (let c = 1; c < 0xa0; c++)
    if (c < 0x20 || c >= 0x7f) result.push(String.fromCharCode(c), `a${String.fromCharCode(c)} b`);
  const emoji = ["😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "❤️", "1️⃣", "🧑🏿‍🚀", "☕", "©️"];
  for (const a of emoji) for (const b of emoji) result.push(a + b, `${a} ${b}!`);
  const code = [
    "int main(int argc, char** argv) { return 0; }", "for (size_t i = 0; i < n; ++i)", "\tif (x != nullptr) {",
    "def f(x, *, y=None):", "    return [a for a in x if a]", "SELECT * FROM t WHERE id = 42;", "x += 0xFF & ~mask;",
    "<div class=\"a\">&nbsp;</div>", "{\"key\": [1, 2.5e-3, null]}", "#include <vector>", "a->b::c<d>()", "$ rm -rf ./*.o",
    "λ x → x + 1", "r'\\d+\\.\\d*'", "printf(\"%d\\n\", 1);", "https://example.org/a?b=c&d=%20#e",
  ];
  for (const a of code) for (const b of code.slice(0, 6)) result.push(a, `${a} ${b}`, `${a}    ${b}`);
  const words = "the of and In beginning God created heaven earth converts shards quantization 2026 3.14 don't e-mail".split(" ");
  for (let i = 0; i < 500; i++) {
    const list = [];
    for (let k = 1 + random(15); k > 0; k--) list.push(pick(words));
    result.push(list.join(pick([" ", " ", " ", "  ", ", "])));
  }
  const breaks = ["a\nb", "\n", "\n\n\n", "a\r\nb", "\r", " \n ", "x\n    y", "\u2028", "\u2029", "a\u0085b"];
  return [...new Set([...result, ...breaks])];
}
