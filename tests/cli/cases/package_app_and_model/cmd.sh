mlc package model -o out --package-config c.json
