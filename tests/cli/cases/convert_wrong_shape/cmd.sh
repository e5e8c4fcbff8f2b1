sed 's/"intermediate_size": [0-9]*/"intermediate_size": 512/' "$GOLDEN/convert/input-bf16/config.json" > config.json
ln -s "$GOLDEN/convert/input-bf16" weights
mlc convert_weight config.json --source weights --quantization q4f16_1 -o out
