"""One task a file: a scene in, examples out, or none when the question would be ambiguous."""
