// See tokenizers.sh.
//   texts                       the texts without line breaks, one a line
//   compare MODULES MODEL OUT   the ids of MODEL and of OUT/tokenizer.json
//   read MODULES OUT...         web-llm's reading of each OUT
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { texts } from "./texts.mjs";

const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

// What the tokenizer.json of a Unigram model can't say (docs/errata.md). Its normalizer strips white space at the end as Rust
// knows it, and Rust knows one character more than SentencePiece's normalization. And a text that begins with a word of the
// user's has no space in front.
function beyondUnigram(text, expected, { vocab, words }) {
  return /\u0085\s*$/.test(text) || (vocab[expected[0]]?.[0] === "\u2581" && words.has(expected[1]));
}

// Two ways to cut a text may be equally likely; readers add the scores in different orders and precisions.
function tied(vocabulary, a, b) {
  const score = (ids) => ids.reduce((sum, id) => sum + vocabulary[id][1], 0);
  const text = (ids) => ids.map((id) => vocabulary[id][0]).join("");
  return text(a) === text(b) && Math.abs(score(a) - score(b)) < 1e-4;
}

async function compare(modules, model, out) {
  const require = createRequire(path.join(modules, "x.js"));
  const { Tokenizer } = require("tokenizers");
  // The package is a CommonJS file that calls itself a module.
  const copy = path.join(modules, "web-tokenizers.cjs");
  fs.copyFileSync(path.join(modules, "@mlc-ai/web-tokenizers/lib/index.js"), copy);
  const web = require(copy).Tokenizer;

  const json = path.join(out, "tokenizer.json");
  const buffer = (file) => {
    const bytes = fs.readFileSync(file);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  };
  const hf = Tokenizer.fromFile(json);
  const mlc = await web.fromJSON(buffer(json));
  const original = await web.fromSentencePiece(buffer(model));

  const all = texts();
  // spm_encode reads lines, so it answers for the texts without a line break; the library in the runtime for all.
  const lines = all.filter((text) => text !== "" && !/[\n\r]/.test(text));
  const answer = execFileSync("spm_encode", [`--model=${model}`, "--output_format=id"],
    { input: lines.join("\n") + "\n", maxBuffer: 1 << 28 });
  const byProgram = new Map();
  answer.toString().split("\n").forEach((line, i) => {
    if (i < lines.length) byProgram.set(lines[i], line === "" ? [] : line.split(" ").map(Number));
  });

  const parsed = JSON.parse(fs.readFileSync(json, "utf8"));
  const isUnigram = parsed.model.type === "Unigram";
  const { vocab } = parsed.model;
  const words = new Set(parsed.added_tokens.filter((token) => !token.special).map((token) => token.id));
  let left = 0;
  let ties = 0;
  const differ = { tokenizers: [], "web-tokenizers": [] };
  let disagree = 0;
  for (const text of all) {
    const expected = byProgram.get(text) ?? [...original.encode(text)];
    if (!same(expected, [...original.encode(text)])) disagree++;
    if (isUnigram && beyondUnigram(text, expected, { vocab, words })) {
      left++;
      continue;
    }
    const encoding = await hf.encode(text, null, { addSpecialTokens: false });
    for (const [name, ids] of [["tokenizers", encoding.getIds()], ["web-tokenizers", [...mlc.encode(text)]]]) {
      if (same(expected, ids)) continue;
      if (isUnigram && tied(vocab, expected, ids)) ties++;
      else differ[name].push(text);
    }
  }
  const compared = all.length - left;
  console.log(`${all.length} texts, ${byProgram.size} of them by spm_encode, which differs from the runtime's SentencePiece in ${disagree}`);
  if (isUnigram) console.log(`${ties} of equal likelihood, ${left} left out (docs/errata.md)`);
  for (const [name, list] of Object.entries(differ)) {
    console.log(`${name}: ${compared - list.length} the same, ${list.length} different`);
    for (const text of list.slice(0, 3)) {
      const encoding = await hf.encode(text, null, { addSpecialTokens: false });
      console.log(`  ${JSON.stringify(text)}\n    ${byProgram.get(text) ?? [...original.encode(text)]}\n    ${encoding.getIds()}`);
    }
  }
  if (compared < 2000) throw new Error("too few texts");
  return differ.tokenizers.length + differ["web-tokenizers"].length;
}

// web-llm's functions are not exported, so a copy of its file exports them.
async function webLlm(modules) {
  const folder = path.join(modules, "@mlc-ai/web-llm/lib");
  const copy = path.join(folder, "exposed.mjs");
  // Its bundler left the import of createRequire out, which only Node needs.
  fs.writeFileSync(copy, 'import { createRequire } from "node:module";\n' + fs.readFileSync(path.join(folder, "index.js"), "utf8") +
    "\nexport { LLMChatPipeline, asyncLoadTokenizer };\n");
  globalThis.location = { href: pathToFileURL(copy).href }; // where its WebAssembly believes to be
  return import(pathToFileURL(copy));
}

// It loads the tokenizer by tokenizer_files, takes its fields, and writes a prompt by conv_template. Its pipeline has read
// the config where it asks for the GPU; what comes then is read from the model library.
async function readByWebLlm({ LLMChatPipeline, asyncLoadTokenizer }, out) {
  const config = JSON.parse(fs.readFileSync(path.join(out, "mlc-chat-config.json"), "utf8"));
  const asked = new Set();
  globalThis.caches = { open: async () => ({
    match: async (request) => {
      const name = path.basename(new URL(request.url ?? request).pathname);
      asked.add(name);
      return new Response(fs.readFileSync(path.join(out, name)));
    },
    add: async () => {},
  }) };
  const tokenizer = await asyncLoadTokenizer("https://localhost/model/", config, {}, console.log);
  const stop = new Error("the config is read");
  let pipeline;
  Object.defineProperty(LLMChatPipeline.prototype, "device", { configurable: true, set() { pipeline = this; throw stop; } });
  try {
    new LLMChatPipeline({ webgpu: () => null }, tokenizer, config, undefined);
  } catch (e) {
    if (e !== stop) throw e;
  }
  const conversation = pipeline.conversation;
  conversation.appendMessage("user", "hello");
  conversation.appendReplyHeader("assistant");
  const prompt = conversation.getPromptArray();
  tokenizer.dispose();
  if (!prompt.join("").includes("hello")) throw new Error(`${out}: the prompt lacks the message`);
  return `${[...asked]}, ${pipeline.fullVocabSize} tokens, ${pipeline.token_postproc_method}, ` +
    `stops ${JSON.stringify(conversation.getStopStr())} ${JSON.stringify(conversation.getStopTokens())}, prompt ${JSON.stringify(prompt)}`;
}

async function read(modules, ...folders) {
  const web = await webLlm(modules);
  for (const out of folders) {
    try {
      const line = await readByWebLlm(web, out);
      if (out === folders[0]) console.log(`web-llm reads ${line}`);
    } catch (e) {
      throw new Error(`${out}: ${e.stack ?? e}`);
    }
  }
  console.log(`web-llm accepts ${folders.length} of ${folders.length} configs`);
}

const [command, ...rest] = process.argv.slice(2);
if (command === "texts") {
  console.log(texts().filter((text) => !/[\n\r\0]/.test(text)).join("\n"));
} else {
  // Not thrown further: Node would print the line of a file of megabytes.
  try {
    if (command === "read") await read(...rest);
    else process.exitCode = (await compare(...rest)) === 0 ? 0 : 1;
  } catch (e) {
    console.error(String(e.stack ?? e).slice(0, 2000));
    process.exitCode = 2;
  }
}
