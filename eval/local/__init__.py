"""How a transformers model on this machine answers: rows, image features, decoding."""
