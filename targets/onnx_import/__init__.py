"""ONNX files that somebody gives us, read back or taken as networks of our blocks."""
