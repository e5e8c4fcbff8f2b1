# A damaged shard is exit code 6, and every report is written nevertheless.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
printf '\377' | dd of=model/params_shard_0.bin bs=1 seek=1000 conv=notrunc status=none
status=0
mlc verify model --level files --html page.html --summary summary.md --json --quiet >report.json || status=$?
echo "exit code $status"
python3 - <<'END'
import json, pathlib
report = json.load(open("report.json"))
print(report["schema"], report["ok"], report["errors"], [f["id"] for f in report["findings"]])
page = pathlib.Path("page.html").read_text()
inner = page.split('id="report">')[1].split("</script>")[0]
print("same JSON in the page:", json.loads(inner) == report)
print(pathlib.Path("summary.md").read_text().splitlines()[0])
END
status=0
mlc verify model --level files --summary - --quiet || status=$?
echo "exit code $status"
ls
