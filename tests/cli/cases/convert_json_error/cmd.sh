# With --json the error is an event as well.
mlc convert_weight nowhere --quantization q4f16_1 -o out --json
