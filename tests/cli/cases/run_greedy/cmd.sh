# q0f32 with float32 keys and values says what an independent implementation said of the checkpoint
# (tests/data/kjv-llama/reference/reference.json, greedy_continuation_ids).
. "$CASE/../../kjv_model.sh"
kjv_model q0f32 model
for prompt in "In the beginning God" "And the LORD said unto Moses,"; do
  mlc run model --device cpu --raw --prompt "$prompt" --temperature 0 --max-tokens 24 --kv-cache f32 --quiet
done
