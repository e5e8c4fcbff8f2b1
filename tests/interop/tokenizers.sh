#!/usr/bin/env bash
# Our converted tokenizer.json against the SentencePiece models it was made from: the same ids, by Hugging Face's
# tokenizers and by MLC's runtime tokenizer, for texts of every assigned block of Unicode, spaces, emoji, control characters and code.
# And web-llm's own code reads the mlc-chat-config.json of each model and of every conversation template. Needs the network for npm, so it is run by hand:
#   tests/interop/tokenizers.sh PATH_OF_MLC [MODEL_TYPE=tokenizer.model]...
# Without models, it trains some on this project's own text (SentencePiece's spm_train).
set -euo pipefail
mlc=$(realpath "${1:?usage: tests/interop/tokenizers.sh PATH_OF_MLC [MODEL_TYPE=tokenizer.model]...}")
shift
root=$(realpath "$(dirname "$0")/../..")

skip() {
  echo "skipped: $1"
  exit 0
}
for tool in node npm spm_train spm_encode; do
  command -v "$tool" >/dev/null || skip "no $tool"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --prefix "$work" --ignore-scripts --no-audit --no-fund tokenizers@0.23.2 @mlc-ai/web-tokenizers@0.1.6 \
  @mlc-ai/web-llm@0.2.86 >"$work/npm.log" 2>&1 || skip "npm cannot install: $(grep -m 1 "npm error" "$work/npm.log" || true)"

train() { # NAME [spm_train option]...
  local name=$1
  shift
  spm_train --input="$work/corpus.txt" --model_prefix="$work/$name" --minloglevel=2 --num_threads=1 \
    --max_sentence_length=20000 "$@" >"$work/train.log" 2>&1 || {
    cat "$work/train.log"
    return 1
  }
}

models=()
for pair in "$@"; do
  models+=("${pair%%=*}=$(realpath "${pair#*=}")")
done
if ((${#models[@]} == 0)); then
  cat "$root"/docs/*.md "$root"/README.md "$root"/genconfig/*.cc "$root"/base/*.cc "$root"/tests/golden/conv_templates.json >"$work/corpus.txt"
  # Some of the texts, so that there are pieces outside ASCII; characters without a piece go by their bytes.
  node "$root/tests/interop/tokenizers.mjs" texts >"$work/texts.txt"
  head -n 260 "$work/texts.txt" >>"$work/corpus.txt"
  as_llama=(--model_type=bpe --byte_fallback --normalization_rule_name=identity --remove_extra_whitespaces=false
    --allow_whitespace_only_pieces --split_digits --character_coverage=0.99 --vocab_size=6000)
  train llama "${as_llama[@]}"
  train gemma "${as_llama[@]}" --add_dummy_prefix=false --pad_id=0 --eos_id=1 --bos_id=2 --unk_id=3 \
    --pad_piece='<pad>' --eos_piece='<eos>' --bos_piece='<bos>' \
    --user_defined_symbols='<start_of_turn>,<end_of_turn>,▁▁,▁▁▁,▁▁▁▁'
  train unigram --model_type=unigram --hard_vocab_limit=false --vocab_size=6000 --character_coverage=0.99
  train words --model_type=unigram --hard_vocab_limit=false --vocab_size=6000 --character_coverage=0.99 \
    --user_defined_symbols='(,),.,<sep>'
  models=("llama=$work/llama.model" "gemma2=$work/gemma.model" "unigram=$work/unigram.model"
    "unigram_words=$work/words.model")
fi

failed=0
outputs=()
for pair in "${models[@]}"; do
  type=${pair%%=*} model=${pair#*=}
  folder=$work/in-$type out=$work/out-$type
  mkdir -p "$folder"
  cp "$model" "$folder/tokenizer.model"
  # A model type with few fields; the tokenizer's rules come from its class, and a Unigram model's own without one.
  case $type in
    gemma*) class=GemmaTokenizer ;;
    unigram*) class= ;;
    *) class=LlamaTokenizer ;;
  esac
  [[ -z $class ]] || echo "{\"tokenizer_class\": \"$class\"}" >"$folder/tokenizer_config.json"
  echo '{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
    "num_hidden_layers": 2, "rms_norm_eps": 1e-6, "vocab_size": 6000, "max_position_embeddings": 512}' >"$folder/config.json"
  "$mlc" gen_config "$folder" --quantization q4f16_1 --conv-template chatml -o "$out" >"$work/mlc.log" 2>&1 || {
    cat "$work/mlc.log"
    exit 1
  }
  echo "== $type"
  node "$root/tests/interop/tokenizers.mjs" compare "$work/node_modules" "$model" "$out" || failed=1
  outputs+=("$out")
done

echo "== web-llm"
templates=$("$mlc" gen_config --list-templates | tail -n +2 | cut -d ' ' -f 1)
for template in $templates; do
  for legacy in "" --legacy; do
    out=$work/template-$template$legacy
    "$mlc" gen_config "$folder" --quantization q4f16_1 --conv-template "$template" ${legacy:+"$legacy"} -o "$out" >"$work/mlc.log" 2>&1 || {
      cat "$work/mlc.log"
      exit 1
    }
    outputs+=("$out")
  done
done
node "$root/tests/interop/tokenizers.mjs" read "$work/node_modules" "${outputs[@]}" || failed=1
((failed)) || echo "all agree"
exit "$failed"
