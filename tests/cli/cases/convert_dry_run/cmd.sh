# The plan is the result; nothing is written, not even the folder.
mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1 -o out --dry-run --threads 2 >plan
head -n 4 plan
tail -n 7 plan
ls
