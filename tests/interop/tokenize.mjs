// See tokenize.sh.
//   models CLI MODULES FOLDER...   tokenizer.json in each FOLDER: all texts
//   parts CLI MODULES WORK [NAME]  each normalizer, pre-tokenizer and decoder by itself: a tokenizer.json made for it;
//                                  with NAME, only those whose name has it
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { texts } from "./texts.mjs";

// Special tokens between and around text, runs of unusual spaces, and what joins to single characters.
function moreTexts() {
  const special = ["<s>", "</s>", "<bos>", "<unk>", "<|im_start|>", "<|endoftext|>", "<|begin_of_text|>", "<think>", "<start_of_turn>"];
  const result = [];
  for (const a of special) {
    result.push(a, `${a}a`, `a${a}`, ` ${a} `, `x ${a}  y${a}\n`, `${a}${a}`, `a\n${a}\n`);
    for (const b of special.slice(0, 4)) result.push(`${a}user\nHi!${b} \n${a}`);
  }
  for (const space of ["\u00a0", "\u1680", "\u180e", "\u2003", "\u200b", "\u2028", "\u202f", "\u3000", "\u0085", "\ufeff"])
    result.push(space, `a${space}b`, `${space}${space}b `, ` ${space} b`, `a ${space}\n`, `1${space}2.5${space}`);
  result.push("e\u0301", "\u0065\u0323\u0307", "\u1e9b\u0323", "Å\u212b", "ﬁﬂ", "①½", "한글", "\u1112\u1161\u11ab", "İstanbul ΣΑΣ", "ǅ",
    "it'S WE'LL ’s 'ſ", "0123456789", "1,234.56", "١٢٣٤", "Ⅷ", "日本語テキスト。漢字かな", "<0x41>", "▁a▁", "a▁▁b", "\u0000a", "don't'll",
    "a".repeat(3000), " ".repeat(3000), "ab ".repeat(1000), "\n".repeat(100), "é".repeat(500), "漢".repeat(500));
  return result;
}

function ours(cli, file, all) {
  const answer = execFileSync(cli, [file], { input: all.map((text) => JSON.stringify(text)).join("\n") + "\n", maxBuffer: 1 << 30 });
  return answer.toString().trimEnd().split("\n").map((line) => JSON.parse(line));
}

// Returns how many texts differ; prints the first few.
async function compare(name, cli, Tokenizer, file, all, { text: withText = true, stream = true } = {}) {
  const theirs = Tokenizer.fromFile(file);
  const answers = ours(cli, file, all);
  const differ = { ids: [], "special tokens": [], text: [], stream: [] };
  const show = (text, a, b) => `  ${JSON.stringify(text).slice(0, 200)}\n    theirs ${JSON.stringify(a).slice(0, 300)}\n    ours   ${JSON.stringify(b).slice(0, 300)}`;
  for (const [i, text] of all.entries()) {
    const mine = answers[i];
    const ids = (await theirs.encode(text, null, { addSpecialTokens: false })).getIds();
    const special = (await theirs.encode(text)).getIds();
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    if (!same(ids, mine.ids)) differ.ids.push(show(text, ids, mine.ids ?? mine.error));
    if (!same(special, mine.special)) differ["special tokens"].push(show(text, special, mine.special));
    const decoded = await theirs.decode(special, false);
    const skipped = await theirs.decode(special, true);
    if (withText && (decoded !== mine.decoded || skipped !== mine.skipped)) differ.text.push(show(text, [decoded, skipped], [mine.decoded, mine.skipped]));
    if (stream && mine.streamed !== mine.decoded) differ.stream.push(show(text, mine.decoded, mine.streamed));
  }
  const count = Object.values(differ).reduce((sum, list) => sum + list.length, 0);
  const words = Object.entries(differ).map(([what, list]) => `${what} ${all.length - list.length}`).join(", ");
  console.log(`${name}: of ${all.length} texts the same: ${words}`);
  for (const [what, list] of Object.entries(differ))
    if (list.length > 0) console.log(`  ${what}:\n${list.slice(0, 4).join("\n")}`);
  return count;
}

// Tokens for bytes only, and "</w>" at the end of each piece: the ids tell what a normalizer made of a text and where a
// pre-tokenizer cut it.
function byteTokenizer(parts, added = []) {
  const vocab = {};
  for (let i = 0; i < 256; i++) vocab[`<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`] = i;
  return {
    version: "1.0", truncation: null, padding: null,
    added_tokens: added.map((flags, i) => ({ id: 256 + i, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...flags })),
    normalizer: null, pre_tokenizer: null, post_processor: null,
    decoder: { type: "Sequence", decoders: [{ type: "ByteFallback" }, { type: "Fuse" }] }, ...parts,
    model: { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: "</w>",
      fuse_unk: false, byte_fallback: true, ignore_merges: false, vocab, merges: [] },
  };
}

function partCases() {
  const cases = {};
  const normalizer = (name, value) => (cases[`normalizer ${name}`] = byteTokenizer({ normalizer: value }));
  const pre = (name, value) => (cases[`pre-tokenizer ${name}`] = byteTokenizer({ pre_tokenizer: value }));
  for (const type of ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"]) normalizer(type, { type });
  for (const [l, r] of [[true, true], [true, false], [false, true], [false, false]])
    normalizer(`Strip ${l} ${r}`, { type: "Strip", strip_left: l, strip_right: r });
  normalizer("Prepend", { type: "Prepend", prepend: "▁" });
  normalizer("Replace text", { type: "Replace", pattern: { String: " " }, content: "▁" });
  normalizer("Replace regex", { type: "Replace", pattern: { Regex: " {2,}|\\s$|(?<=a)b" }, content: "_" });
  normalizer("NFD and StripAccents", { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "StripAccents" }, { type: "Lowercase" }] });
  for (const strip of [null, true, false])
    normalizer(`BertNormalizer ${strip}`, { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: strip, lowercase: strip !== null });

  for (const space of [true, false]) for (const regex of [true, false])
    pre(`ByteLevel ${space} ${regex}`, { type: "ByteLevel", add_prefix_space: space, trim_offsets: true, use_regex: regex });
  const patterns = { space: { String: " " }, digits: { Regex: "\\d+" }, word: { Regex: "\\w+|\\h" }, class: { Regex: "[\\p{L}&&[^a-f]]+|[[:punct:]]" },
    han: { Regex: "[\\p{Han}]+|\\p{Katakana}|\\P{L}" }, repeat: { Regex: "\\p{N}{1,3}+|e{,2}x|(?m:.)$" }, empty: { Regex: "x*" },
    cl100k: { Regex: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" } };
  for (const [name, pattern] of Object.entries(patterns))
    for (const behavior of ["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"])
      for (const invert of [false, true]) pre(`Split ${name} ${behavior} ${invert}`, { type: "Split", pattern, behavior, invert });
  for (const prepend_scheme of ["always", "first", "never"]) for (const split of [true, false])
    pre(`Metaspace ${prepend_scheme} ${split}`, { type: "Metaspace", replacement: "▁", prepend_scheme, split });
  for (const individual_digits of [true, false]) pre(`Digits ${individual_digits}`, { type: "Digits", individual_digits });
  for (const behavior of ["Isolated", "Removed", "Contiguous"]) pre(`Punctuation ${behavior}`, { type: "Punctuation", behavior });
  for (const type of ["Whitespace", "WhitespaceSplit", "BertPreTokenizer"]) pre(type, { type });
  pre("Sequence", { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true }, { type: "Digits", individual_digits: true }] });

  const added = [{ content: "<s>" }, { content: "</s>", lstrip: true }, { content: "<unk>", rstrip: true }, { content: "the", single_word: true },
    { content: "  ", special: false }, { content: "God", normalized: true, special: false, lstrip: true, rstrip: true }, { content: "<think>", normalized: true }];
  cases["added tokens"] = byteTokenizer({}, added);
  cases["added tokens, normalized"] = byteTokenizer({ normalizer: { type: "Sequence", normalizers: [{ type: "Lowercase" }, { type: "Replace", pattern: { String: " " }, content: "▁" }] },
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true } }, added);

  const decoders = {
    ByteLevel: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    Llama: { type: "Sequence", decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }, { type: "Strip", content: " ", start: 1, stop: 0 }] },
    Metaspace: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    "Metaspace never": { type: "Metaspace", replacement: "▁", prepend_scheme: "never", split: true },
    WordPiece: { type: "WordPiece", prefix: "##", cleanup: true },
    BPEDecoder: { type: "BPEDecoder", suffix: "</w>" },
    none: null,
  };
  for (const [name, decoder] of Object.entries(decoders)) {
    const made = byteTokenizer({ decoder, pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true } }, added.slice(0, 2));
    if (name === "ByteLevel") made.pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
    made.model.end_of_word_suffix = name === "BPEDecoder" ? "</w>" : null;
    // Single characters, so that a decoder sees more than bytes.
    let id = 256;
    for (const c of "▁abcdefghijklmnopqrstuvwxyzĠABCDEFGHIĊÃ©.,!?'") for (const text of [c, `${c}</w>`]) made.model.vocab[text] = id++;
    for (const [a, b] of [["t", "h"], ["▁", "a"], ["▁", "t"], ["▁t", "h"], ["Ġ", "a"], ["'", "s"]]) {
      made.model.vocab[a + b] = id++;
      made.model.merges.push([a, b]);
    }
    made.added_tokens.forEach((token, i) => (token.id = id + i));  // what the library gives them
    cases[`decoder ${name}`] = made;
  }
  const unk = byteTokenizer({ pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true } });
  for (const fuse of [true, false]) for (const prefix of [null, "##"]) {
    const made = structuredClone(unk);
    Object.assign(made.model, { vocab: { "<unk>": 0 }, byte_fallback: false, end_of_word_suffix: null, unk_token: "<unk>", fuse_unk: fuse, continuing_subword_prefix: prefix });
    let id = 1;
    for (const c of "▁abcdefghinorst") for (const text of [c, `##${c}`]) made.model.vocab[text] = id++;
    for (const [a, b] of prefix ? [["t", "##h"], ["▁", "##t"], ["th", "##e"]] : [["t", "h"], ["▁", "t"], ["th", "e"], ["a", "a"], ["aa", "aa"]]) {
      made.model.vocab[a + b.replace("##", "")] = id++;
      made.model.merges.push([a, b]);
    }
    cases[`BPE with unknown tokens, fused ${fuse}, prefix ${prefix}`] = made;
  }
  const words = byteTokenizer({ pre_tokenizer: { type: "BertPreTokenizer" }, decoder: { type: "WordPiece", prefix: "##", cleanup: true } });
  const list = ["[UNK]", ..."abcdefghijklmnopqrstuvwxyz0123456789.,!'-"].flatMap((c) => [c, `##${c}`]).concat(["the", "##ing", "begin", "##n", "earth", "God"]);
  words.model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 20, vocab: Object.fromEntries(list.filter((w) => w !== "##[UNK]").map((w, i) => [w, i])) };
  words.post_processor = { type: "BertProcessing", sep: ["b", 2], cls: ["a", 1] };
  cases["WordPiece"] = words;
  const level = structuredClone(words);
  level.model = { type: "WordLevel", unk_token: "[UNK]", vocab: { "[UNK]": 0, the: 1, God: 2, and: 3, "!": 4, a: 5, b: 6 } };
  level.post_processor = { type: "RobertaProcessing", sep: ["b", 2], cls: ["a", 1], trim_offsets: true, add_prefix_space: true };
  cases["WordLevel"] = level;
  const unigram = byteTokenizer({ pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true }, decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true } });
  for (const byte_fallback of [false, true]) {
    const made = structuredClone(unigram);
    const vocab = [["<unk>", 0], ["▁", -2], ...[..."abcdefghijklmnopqrstuvwxyz"].map((c, i) => [c, -3 - i / 7]), ["▁the", -4], ["th", -4.5], ["he", -4.25], ["ing", -5], ["aa", -4], ["aaa", -6.5], ["God", -6], ["▁a", -3.5]];
    if (byte_fallback) for (let i = 0; i < 256; i++) vocab.push([`<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`, -12]);
    made.model = { type: "Unigram", unk_id: 0, vocab, byte_fallback };
    cases[`Unigram ${byte_fallback}`] = made;
  }
  return cases;
}

// Python carries the tables of Unicode 3.2 too.
function assignedIn32() {
  const program = "import unicodedata, json\nu = unicodedata.ucd_3_2_0\nprint(json.dumps([c for c in range(0x30000) if u.category(chr(c)) == unicodedata.category(chr(c)) != 'Cn']))";
  return new Set(JSON.parse(execFileSync("/usr/bin/python3", ["-c", program], { maxBuffer: 1 << 28 })));
}

const [command, cli, modules, ...rest] = process.argv.slice(2);
const { Tokenizer } = createRequire(path.join(modules, "x.js"))("tokenizers");
const all = [...new Set([...texts(), ...moreTexts()])];
let different = 0;
if (command === "models") {
  for (const folder of rest) different += await compare(path.basename(folder), cli, Tokenizer, path.join(folder, "tokenizer.json"), all);
} else {
  const file = path.join(rest[0], "tokenizer.json");
  const some = all.filter((_, i) => i % 4 === 0 || i > all.length - 250);
  // These ask tables of other versions of Unicode than ours; so only characters that all know are asked for.
  const old = assignedIn32();
  const byOtherTables = /Lowercase|StripAccents|Bert|Punctuation|Digits|pre-tokenizer Sequence|normalized|Word(Piece|Level)$/;
  const oldTexts = some.filter((text) => [...text].every((c) => old.has(c.codePointAt(0))));
  for (const [name, made] of Object.entries(partCases())) {
    if (rest[1] && !name.includes(rest[1])) continue;
    fs.writeFileSync(file, JSON.stringify(made));
    different += await compare(name, cli, Tokenizer, file, byOtherTables.test(name) ? oldTexts : some, {
      // The library gives back added tokens in their normalized form; older versions, and ours, as they are spelled.
      text: name !== "added tokens, normalized",
      // Which token is the last one, whose end of word is no space, is not known to a stream.
      stream: name !== "decoder BPEDecoder",
    });
  }
}
process.exitCode = different === 0 ? 0 : 1;
