cd "$GOLDEN/formats" || exit
for model in gptq/* fp8/block128-ragged awq/tiny-g128 mxfp4; do
  [ -d "$model" ] && mlc inspect "$model" | sed '/^$/,$d'
done
