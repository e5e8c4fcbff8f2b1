mlc --verison
