mlc gen_config --list-templates --json >templates.json
mlc gen_config --list-presets --json >presets.json
python3 - <<END
import json
for name in ("templates", "presets"):
    rows = json.load(open(name + ".json"))[name]
    print(name, len(rows), rows[0])
END
