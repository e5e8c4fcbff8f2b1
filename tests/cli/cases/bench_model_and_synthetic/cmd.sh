mlc bench model --synthetic llama2_7b
