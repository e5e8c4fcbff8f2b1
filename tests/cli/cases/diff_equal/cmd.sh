# Exit 0: nothing differs, however the shards are written.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 a
cp -r a b
mlc diff a b --quiet
mlc diff a a --quiet --brief
mlc diff a b --quiet --json
