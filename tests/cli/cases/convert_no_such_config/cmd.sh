mlc convert_weight nowhere --quantization q4f16_1 -o out
