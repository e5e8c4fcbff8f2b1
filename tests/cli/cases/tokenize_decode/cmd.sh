mlc tokenize "$DATA/kjv-llama" --decode "[1145, 259, 0, 1801, 1251]"
mlc tokenize "$DATA/kjv-llama" --decode "1145 259 0 1801 1251" --special
mlc tokenize "$DATA/kjv-llama" --decode "1145 999999"
mlc tokenize "$DATA/kjv-llama" --decode "1145 x" || echo "exit $?"
