"""Captions from speech: the job type `transcribe`, and `assist_speech`, by which other workers help with a long recording."""
