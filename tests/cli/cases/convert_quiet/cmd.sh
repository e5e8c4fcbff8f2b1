# Nothing on stderr; the result stays.
mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1 -o out --quiet >result
head -n 1 result
