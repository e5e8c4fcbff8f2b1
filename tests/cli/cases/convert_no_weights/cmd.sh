mkdir model
cp "$GOLDEN/convert/input-bf16/config.json" model
mlc convert_weight model --quantization q4f16_1 -o out
