mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1
