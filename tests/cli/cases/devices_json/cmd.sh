# Which other devices there are depends on the machine; the processor is always one.
mlc devices --json | python3 -c '
import json, sys
found = json.load(sys.stdin)
cpu = [d for d in found["devices"] if d["id"] == "cpu"][0]
print(sorted(cpu))
print(cpu["backend"], cpu["is_cpu"], cpu["copy"]["counted"])
print(cpu["copy"]["bytes_per_second"] > 1e8, cpu["copy"]["runs"] >= 3)
print(sorted(found), type(found["missing"]).__name__)
'
