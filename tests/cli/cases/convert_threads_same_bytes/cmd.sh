# The number of threads never shows in the bytes.
for threads in 1 2 3 8; do
  mlc convert_weight "$DATA/kjv-llama" --quantization q3f16_0 -o out --overwrite --quiet --threads "$threads" >/dev/null
  (cd out && cat -- *) | sha256sum
done | uniq -c
