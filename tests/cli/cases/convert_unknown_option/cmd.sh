# The mistyped option is named, not the missing one that it was meant to be.
mlc convert_weight "$DATA/kjv-llama" --quantisation q4f16_1 -o out
