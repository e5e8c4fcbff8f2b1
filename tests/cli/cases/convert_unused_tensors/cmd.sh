sed 's/"num_hidden_layers": 2/"num_hidden_layers": 1/' "$GOLDEN/convert/input-bf16/config.json" > config.json
ln -s "$GOLDEN/convert/input-bf16" weights
mlc convert_weight config.json --source weights --quantization q4f16_1 -o out
