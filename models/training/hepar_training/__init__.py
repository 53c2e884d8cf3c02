"""Hepar's training recipe: procedural abdominal CT, two small networks, and their export to ONNX."""
