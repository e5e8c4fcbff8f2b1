echo mine > out
mlc convert_weight "$GOLDEN/convert/input-bf16" --quantization q4f16_1 -o out || echo "exit $?"
cat out
