# One prompt, or one for each line; without a template each goes on by itself. No text: from the beginning.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
printf 'In the beginning God\n' | mlc run model --device cpu --raw --temperature 0 --max-tokens 4 --quiet
printf 'In the beginning God\nBlessed are the\n' | mlc run model --device cpu --raw --lines --temperature 0 --max-tokens 4 --quiet
mlc run model --device cpu --raw --temperature 0 --max-tokens 4 --quiet </dev/null
