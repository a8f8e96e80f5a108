"""The parts of api/gen.py, one subject a file."""
