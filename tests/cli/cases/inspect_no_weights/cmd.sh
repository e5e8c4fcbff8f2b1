mlc inspect .
