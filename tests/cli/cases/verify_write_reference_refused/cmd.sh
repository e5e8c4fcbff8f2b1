# Of a model that is wrong nothing is stored.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
printf 'x' | dd of=model/params_shard_0.bin bs=1 seek=1000 conv=notrunc status=none
code=0
mlc verify model --level files --write-reference --quiet >/dev/null || code=$?
test ! -e model/mlc-verify-reference.json
exit "$code"
