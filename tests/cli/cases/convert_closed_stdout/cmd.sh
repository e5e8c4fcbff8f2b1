# The conversion is complete when its summary can not be printed; the exit code says that it was not.
mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1 -o out --quiet >&- || echo "exit $?"
ls out
