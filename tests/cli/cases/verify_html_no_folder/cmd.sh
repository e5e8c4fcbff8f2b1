mlc verify . --html none/a.html
