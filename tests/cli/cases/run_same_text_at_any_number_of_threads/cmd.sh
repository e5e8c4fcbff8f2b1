. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
for threads in 1 2 3; do
  mlc run model --device cpu --threads $threads --raw --prompt "And it came to pass" --seed 7 --max-tokens 24 --quiet \
    >"text$threads"
done
cmp text1 text2
cmp text1 text3
mlc run model --device cpu --raw --prompt "And it came to pass" --seed 8 --max-tokens 24 --quiet >other
if cmp -s text1 other; then echo "another seed gives the same text"; fi
