mlc deliver none.json --username u --dry-run
