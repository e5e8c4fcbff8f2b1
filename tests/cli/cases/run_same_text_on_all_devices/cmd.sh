. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc run model --device cpu --raw --prompt "In the beginning God" --temperature 0 --max-tokens 32 --quiet >expected
cat expected
for device in $(mlc devices --no-bandwidth --json | python3 -c '
import json, sys
print(*[d["id"] for d in json.load(sys.stdin)["devices"]])'); do
  mlc run model --device "$device" --raw --prompt "In the beginning God" --temperature 0 --max-tokens 32 --quiet >text
  cmp expected text || echo "$device says something else"
done
