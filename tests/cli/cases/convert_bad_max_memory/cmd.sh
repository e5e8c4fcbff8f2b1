mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1 -o out --max-memory 1X
