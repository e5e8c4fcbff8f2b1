# Every row as JSON; the table has the same.
mlc gen_config --list-models --json >models.json
mlc gen_config --list-models | head -n 3
python3 - <<END
import json
rows = json.load(open("models.json"))["models"]
print(rows[0])
print([r["model_type"] for r in rows if r["model_task"] == "embedding"])
END
