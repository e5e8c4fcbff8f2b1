// Writes the tables of runtime-min/tokenizer/unicode_versions.cc: where the Unicode versions of Hugging Face's tokenizers
// differ from those of our libraries. `node scripts/unicode_tables.mjs MODULES`, where MODULES is a node_modules folder with
// the npm package `tokenizers` (tests/interop/tokenize.sh installs one).
//   later     characters that its patterns know (Oniguruma: Unicode 16) and PCRE2 10.42 (Unicode 14) does not
//   inert     characters that have a decomposition or a combining class today, and none in its normalizers (Unicode 9)
import { execFileSync } from "node:child_process";
import path from "node:path";
import { createRequire } from "node:module";

const library = createRequire(path.join(process.argv[2], "x.js"))("tokenizers");
const points = [];
for (let c = 0x80; c <= 0x10ffff; c++) if (c < 0xd800 || c >= 0xe000) points.push(c);
const hex = (c) => `0x${c.toString(16).toUpperCase()}`;
const rows = (list) => {
  let text = "   ";
  for (const row of list) {
    const next = ` {${row.map(hex).join(", ")}},`;
    text += (text.length - text.lastIndexOf("\n") + next.length > 100 ? "\n   " : "") + next;
  }
  console.log(text);
};

// One character of each category that has the same number of bytes and is older than Unicode 14.
const standIns = {
  3: { Lu: 0x1e00, Ll: 0x1e01, Lm: 0x1d2c, Lo: 0x904, Mn: 0x900, Mc: 0x903, Po: 0x964, So: 0x2400 },
  4: { Lu: 0x10400, Ll: 0x10428, Lm: 0x16b40, Lo: 0x10000, Mn: 0x10a01, Mc: 0x11000, Nd: 0x104a0, No: 0x10107, Po: 0x10a50,
    Pd: 0x10ead, Sm: 0x1d6c1, So: 0x1d300, Cf: 0x110bd },
};
const isHan = (c) => /\p{Script=Han}/u.test(String.fromCodePoint(c));

async function categoriesByLibrary() {
  const all = points.map((c) => String.fromCodePoint(c)).join("");
  const found = new Map();
  for (const category of "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split(" ")) {
    const tokenizer = library.Tokenizer.fromString(JSON.stringify({ version: "1.0", truncation: null, padding: null, added_tokens: [],
      normalizer: null, post_processor: null, decoder: null, model: { type: "WordLevel", unk_token: "u", vocab: { u: 0 } },
      pre_tokenizer: { type: "Split", pattern: { Regex: `\\p{${category}}` }, behavior: "Removed", invert: true } }));
    const encoding = await tokenizer.encode(all, null, { addSpecialTokens: false });
    for (const [begin, end] of encoding.getOffsets()) for (let i = begin; i < end; i++) found.set(points[i], category);
  }
  return found;
}

// Python's tables are of Unicode 14, as PCRE2's; Debian 12 has both.
const python = execFileSync("/usr/bin/python3", ["-c",
  "import unicodedata, json\nassert unicodedata.unidata_version == '14.0.0'\nprint(json.dumps([unicodedata.category(chr(c)) for c in range(0x110000)]))"],
{ maxBuffer: 1 << 28 });
const old = JSON.parse(python);
const today = await categoriesByLibrary();
const later = [];
for (const c of points) {
  const category = today.get(c) ?? "Cn";
  if (category === old[c] || category === "Cn") continue;
  const bytes = c < 0x10000 ? 3 : 4;
  const standIn = isHan(c) && category === "Lo" ? 0x20000 : standIns[bytes][category];
  if (standIn === undefined) throw new Error(`no ${category} of ${bytes} bytes for ${hex(c)}`);
  const last = later.at(-1);
  if (last && last[1] === c - 1 && last[2] === standIn) last[1] = c;
  else later.push([c, c, standIn]);
}
console.log(`later: ${later.length}`);
rows(later);

const forms = { NFD: library.nfdNormalizer(), NFKD: library.nfkdNormalizer(), NFC: library.nfcNormalizer(), NFKC: library.nfkcNormalizer() };
const inert = [];
for (const c of points) {
  const text = String.fromCodePoint(c);
  const around = [text, `a${text}\u0323`, `a\u0301${text}`, `a\u0334${text}`, `a${text}\u0334`];
  if (around.every((t) => Object.entries(forms).every(([form, theirs]) => theirs.normalizeString(t) === t.normalize(form)))) continue;
  if (inert.length > 0 && inert.at(-1)[1] === c - 1) inert.at(-1)[1] = c;
  else inert.push([c, c]);
}
console.log(`inert: ${inert.length}`);
rows(inert);
